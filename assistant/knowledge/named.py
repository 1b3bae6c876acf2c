"""Loaded documents by the name a user calls them: a title, a file name, with or without its ending."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from graphs.context import Named
from graphs.words import words

if TYPE_CHECKING:
    from assistant.knowledge.base import KnowledgeBase
    from assistant.knowledge.types import DocumentInfo


class KnowledgeDocuments:
    """The documents of one collection."""

    def __init__(self, knowledge: KnowledgeBase, collection: str) -> None:
        self.knowledge = knowledge
        self.collection = collection

    def named(self, name: str) -> Named | None:
        """The document called so, the one loaded last where there are several; None where there is none."""
        wanted = _plain(name)
        found = [info for info in self.knowledge.documents(self.collection) if wanted and wanted in _names(info)]
        if not found:
            return None
        latest = max(found, key=lambda info: info.added)
        about = {"document_id": latest.document_id, "source": latest.source, "title": latest.title}
        return Named(**about, alike=len(found))

    def text(self, document_id: str) -> str:
        """All that it says. Raises `NotFoundError`."""
        return self.knowledge.document(document_id).text


def _names(info: DocumentInfo) -> set[str]:
    """What a user may call it."""
    file = PurePath(info.source.replace("\\", "/"))
    return {_plain(info.title), _plain(file.name), _plain(file.stem), _plain(info.source)}


def _plain(name: str) -> str:
    return " ".join(words(name))
