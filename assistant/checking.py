"""Is a text supported by evidence: texts brought along, or what a collection has on each of its sentences?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphs.errors import NotFoundError, UsageError
from graphs.words import sentence_spans

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.knowledge.types import Hit

PASSAGES = 4
"""Passages looked up for each sentence."""


@dataclass(frozen=True)
class _Evidence:
    texts: list[str]
    sources: list[dict[str, Any]]


def check_text(assistant: Assistant, arguments: dict[str, Any]) -> dict[str, Any]:
    """The `Grounding` of `output` against `contexts`, else against a `collection`; with the `evidence` looked at.

    Raises `UsageError` for an empty text, `NotFoundError` for an unknown collection, and what the store raises.
    """
    text = str(arguments.get("output") or "")
    if not text.strip():
        raise UsageError("The text to check is empty.", "Write a text, or name a file that has one.")
    contexts = arguments.get("contexts")
    if contexts is not None:
        sources = [{"source": f"given:{number}"} for number in range(1, len(contexts) + 1)]
        found = _Evidence([str(context) for context in contexts], sources)
    else:
        found = _look_up(assistant, text, str(arguments.get("collection") or ""))
    grounding = assistant.resources.checker.get().check(text, found.texts)
    return {**grounding.model_dump(mode="json"), "evidence": found.sources}


def _look_up(assistant: Assistant, text: str, collection: str) -> _Evidence:
    """What the collection has on each sentence, every passage once, with the headings a name may stand in alone."""
    if not collection or collection == assistant.settings.knowledge.collection:
        assistant.documentation.get()  # a new home loads its documentation first
    elif collection not in assistant.knowledge.collections():
        raise NotFoundError(f"There is no collection {collection!r}.", "See `crossroads knowledge stats`.")
    hits: dict[str, Hit] = {}
    for start, end in sentence_spans(text):
        for hit in assistant.knowledge.search(text[start:end], collection, PASSAGES):
            hits.setdefault(hit.chunk.chunk_id, hit)
    chunks = [hit.chunk for hit in hits.values()]
    headings = dict.fromkeys(part for chunk in chunks for part in (chunk.heading, chunk.title) if part)
    sources = [{"source": chunk.source, "start": chunk.start, "end": chunk.end} for chunk in chunks]
    return _Evidence([chunk.text for chunk in chunks] + list(headings), sources)
