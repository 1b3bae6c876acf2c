"""Every document with its state, for whoever looks after them: ready, being embedded, or failed and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assistant.knowledge.types import Chunk, DocumentInfo, Loaded

if TYPE_CHECKING:
    from assistant.knowledge.base import KnowledgeBase

State = Literal["ready", "parsed", "failed"]


@dataclass(frozen=True)
class DocumentState:
    """A document or a source that did not become one."""

    source: str
    collection: str
    state: State
    """`ready`: parsed, embedded and found; `parsed`: its text is stored, its vectors are not, yet; or `failed`."""
    info: DocumentInfo | None = None
    """None for a source that failed."""
    detail: str = ""
    """Why it failed."""


def overview(knowledge: KnowledgeBase, collection: str = "") -> list[DocumentState]:
    """The documents, the newest first, after the sources that failed the last time they were tried."""
    stored = [
        DocumentState(info.source, info.collection, "ready" if ready else "parsed", info)
        for info, ready in knowledge.catalogue.with_states(knowledge.indexer.indexed, collection)
    ]
    return [*_failed(knowledge, collection, stored), *stored]


def _failed(knowledge: KnowledgeBase, collection: str, stored: list[DocumentState]) -> list[DocumentState]:
    """Failures of the jobs that no later job has undone."""
    there = {(item.source, item.collection): item.info.added for item in stored if item.info}
    tried: dict[tuple[str, str], DocumentState] = {}
    for job in knowledge.jobs.list():  # the newest first
        for failure in (job.report or {}).get("failed", ()):
            key = failure["source"], job.collection
            if key not in tried and there.get(key, "") < job.created and collection in ("", job.collection):
                tried[key] = DocumentState(*key, "failed", None, failure["error"])
    return list(tried.values())


def passages_of(knowledge: KnowledgeBase, document_id: str) -> list[Chunk]:
    """The passages a document is split into now, in order. Raises `NotFoundError`."""
    document = knowledge.document(document_id)
    info = document.info
    loaded = Loaded(document.text, info.title, info.media_type, document.pages, info.metadata)
    return knowledge.indexer.split(loaded, info.document_id, info.source)
