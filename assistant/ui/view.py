"""What the page shows when it opens, put together from the assistant."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from assistant.improving.arms import live_name
from assistant.knowledge.types import DocumentInfo, StoreStats
from assistant.ui import examples, sidebar, turns
from assistant.ui.footer import footer, model_name, remote_place
from assistant.ui.runs import Run
from assistant.ui.words import PATH_WORDS, PICKED
from graphs.answer import Path
from graphs.errors import CrossroadsError

if TYPE_CHECKING:
    from assistant.app import Assistant

log = logging.getLogger(__name__)


LOADING = "still loading"
"""What `Assistant.waiting` says of what will be there soon; anything else is why it will not."""


def state(assistant: Assistant, thread_id: str, run: Run | None) -> dict[str, Any]:
    """The fragments of the page; loads nothing. Raises `NotFoundError` for an unknown conversation."""
    waiting = assistant.waiting()
    open_now = "knowledge base" not in waiting
    documents = _documents(assistant) if open_now else []
    threads = assistant.threads.list()
    return {
        "sidebar": sidebar.conversations(threads, thread_id, ""),
        "title": next((one.title for one in threads if one.thread_id == thread_id), ""),
        "chat": _chat(assistant, thread_id, run)
        or examples.empty_state(documents, _troubles(waiting), loading=not open_now),
        "thread": thread_id,
        "run": run.run_id if run else "",
        "paths": [{"value": "auto", "words": "Auto", "why": ""}, *_offered(assistant)],
        "models": _models(assistant),
        "collections": collections(assistant) if open_now else [_collection(assistant.settings.knowledge.collection)],
        "documents": len(documents),
        "footer": footer_line(assistant, ""),
        "loading": [name for name, why in waiting.items() if why == LOADING],
    }


def paths(assistant: Assistant) -> dict[Path, str]:
    """Path → why it cannot be taken now, empty where it can."""
    return dict(assistant.paths())


def collections(assistant: Assistant) -> list[dict[str, str]]:
    """The collections to pick from, the configured one first."""
    stats = _stats(assistant)
    names = {assistant.settings.knowledge.collection: None, **dict.fromkeys(sorted(stats.collections) if stats else ())}
    return [_collection(name) for name in names]


def footer_line(assistant: Assistant, model: str) -> str:
    """The footer for a model, the configured one where none is named."""
    model = model or live_name(assistant.settings)
    waiting = assistant.waiting().get("knowledge base")
    if waiting == LOADING:
        return footer(assistant.settings, model, None, "opening your documents")
    return footer(assistant.settings, model, None if waiting else _stats(assistant))


def _chat(assistant: Assistant, thread_id: str, run: Run | None) -> str:
    known = assistant.threads.turns(thread_id) if thread_id else []
    if run and known and known[-1].answer is None:
        known = known[:-1]  # the run draws its own question
    possible = paths(assistant)
    html = []
    for item in known:
        vote = assistant.feedback.get(item.answer.answer_id) if item.answer else None
        html.append(turns.turn(item, vote, possible))
    if run:
        html.append(f'<article class="turn running">{turns.question(run.request.question)}</article>')
    return "".join(html)


def _troubles(waiting: dict[str, str]) -> list[str]:
    """What could not be loaded and why; the reader is left out, because answers come without it too."""
    return [f"{name}: {why}" for name, why in waiting.items() if why != LOADING and name != "reader"]


def _collection(name: str) -> dict[str, str]:
    return {"value": name, "words": name}


def _offered(assistant: Assistant) -> list[dict[str, str]]:
    possible = paths(assistant)
    return [{"value": path, "words": PATH_WORDS[path], "why": possible[path]} for path in PICKED if path in possible]


def _models(assistant: Assistant) -> list[dict[str, str]]:
    """The model in use first, without a name of its own: which it is may change, and a trial may take its place."""
    live = live_name(assistant.settings)
    others = [name for name in dict.fromkeys([assistant.settings.models.chat, *assistant.models()]) if name != live]
    return [{"value": "", "words": _placed(live, assistant)}] + [
        {"value": name, "words": _placed(name, assistant)} for name in others
    ]


def _placed(name: str, assistant: Assistant) -> str:
    place = remote_place(name, assistant.settings)
    return f"{model_name(name)} at {place}" if place else model_name(name)


def _documents(assistant: Assistant) -> list[DocumentInfo]:
    try:
        return list(assistant.knowledge.documents())
    except CrossroadsError as error:
        log.warning("the documents cannot be listed: %s", error)
        return []


def _stats(assistant: Assistant) -> StoreStats | None:
    try:
        return assistant.knowledge.stats()
    except CrossroadsError as error:
        log.warning("the store gives no numbers: %s", error)
        return None
