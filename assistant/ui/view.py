"""What the page shows when it opens, put together from the assistant."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

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


def state(assistant: Assistant, thread_id: str, run: Run | None) -> dict[str, Any]:
    """The fragments of the page. Raises `NotFoundError` for an unknown conversation."""
    documents = _documents(assistant)
    thread_id = thread_id or (run.request.thread_id if run else "")
    return {
        "sidebar": sidebar.conversations(assistant.threads.list(), thread_id, ""),
        "title": _title(assistant, thread_id),
        "chat": _chat(assistant, thread_id, run) or examples.empty_state(documents),
        "run": run.run_id if run else "",
        "paths": [{"value": "auto", "words": "Auto", "why": ""}, *_offered(assistant)],
        "models": _models(assistant),
        "collections": collections(assistant),
        "documents": len(documents),
        "footer": footer_line(assistant, ""),
    }


def paths(assistant: Assistant) -> dict[Path, str]:
    """Path → why it cannot be taken now, empty where it can."""
    return dict(assistant.paths())


def collections(assistant: Assistant) -> list[dict[str, str]]:
    """The collections to pick from, the configured one first."""
    stats = _stats(assistant)
    names = {assistant.settings.knowledge.collection: None, **dict.fromkeys(sorted(stats.collections) if stats else ())}
    return [{"value": name, "words": name} for name in names]


def footer_line(assistant: Assistant, model: str) -> str:
    """The footer for a model, the configured one where none is named."""
    return footer(assistant.settings, model or assistant.settings.models.chat, _stats(assistant))


def _chat(assistant: Assistant, thread_id: str, run: Run | None) -> str:
    known = assistant.threads.turns(thread_id) if thread_id else []
    possible = paths(assistant)
    replaced = run.request.replace if run else ""
    html = []
    for item in known:
        if run and item.answer is None and item.question == run.request.question:
            break  # the run draws its own question
        if replaced and item.question_id == replaced:
            break
        vote = assistant.feedback.get(item.answer.answer_id) if item.answer else None
        html.append(turns.turn(item, vote, possible))
    if run:
        html.append(f'<article class="turn running">{turns.question(run.request.question)}</article>')
    return "".join(html)


def _title(assistant: Assistant, thread_id: str) -> str:
    if not thread_id:
        return ""
    return next((one.title for one in assistant.threads.list() if one.thread_id == thread_id), "")


def _offered(assistant: Assistant) -> list[dict[str, str]]:
    possible = paths(assistant)
    return [{"value": path, "words": PATH_WORDS[path], "why": possible[path]} for path in PICKED if path in possible]


def _models(assistant: Assistant) -> list[dict[str, str]]:
    settings = assistant.settings
    names = dict.fromkeys([settings.models.chat, *assistant.models()])
    places = {name: remote_place(name, settings) for name in names}
    return [
        {"value": name, "words": f"{model_name(name)} at {places[name]}" if places[name] else model_name(name)}
        for name in names
    ]


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
