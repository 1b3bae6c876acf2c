"""Pictures of PDF pages for the viewer, drawn in a bounded process of their own: a page may be made to do harm."""

from __future__ import annotations

import weakref
from pathlib import Path

from assistant.knowledge.loaders.worker import Worker
from assistant.knowledge.types import Page, StoredDocument
from graphs.errors import DocumentError


class Pictures:
    """Draws one page at a time; its process starts with the first and ends with this object."""

    def __init__(self) -> None:
        self._worker = Worker()
        weakref.finalize(self, self._worker.close)

    def draw(self, path: Path, document: StoredDocument, page: Page, start: int, end: int) -> bytes:
        """The page as PNG with the span marked. Raises `DocumentError` for one that cannot be drawn within bounds."""
        return self._worker.picture(path, document.info.title, page, start, end, _columns(document, page))

    def marked_at(self, path: Path, document: StoredDocument, page: Page, start: int, end: int) -> float:
        """How far down the page the span begins, from 0 at the top to 1; 0 where that cannot be told."""
        try:
            return self._worker.marked_at(path, document.info.title, page, start, end, _columns(document, page))
        except (DocumentError, OSError):
            return 0.0


def _columns(document: StoredDocument, page: Page) -> bool:
    """Whether the stored text of this page is in the order of its columns."""
    return page.number in document.info.metadata.get("columns", ())
