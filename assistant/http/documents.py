"""`/documents/…`: a stored document with the cited span marked, its PDF pages as pictures, and the original file.

The viewer needs no scripts and allows none; everything a document contains is shown as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse

from assistant.http import document_page
from assistant.http.needs import needs
from assistant.http.pdf_pictures import Pictures
from graphs.errors import CrossroadsError, NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.knowledge.types import StoredDocument

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def documents_router(assistant: Assistant) -> APIRouter:
    """The viewer's routes."""
    router = APIRouter(prefix="/documents", include_in_schema=False, dependencies=[needs("documents")])
    pictures = Pictures()

    @router.get("/{document_id}")
    def show(document_id: str, start: int = 0, end: int = 0) -> Response:
        """The document as a page, opened at the span from `start` to `end`."""
        try:
            document = _document(assistant, document_id)
            original = assistant.knowledge.original(document_id)
        except CrossroadsError as error:
            return _refused(error)
        html = document_page.page(document, *_span(document, start, end), original, pictures)
        return HTMLResponse(html, headers=HEADERS)

    @router.get("/{document_id}/pages/{number}")
    def picture(document_id: str, number: int, start: int = 0, end: int = 0) -> Response:
        """A page of a PDF as PNG, the span from `start` to `end` marked on it."""
        try:
            document = _document(assistant, document_id)
            original = assistant.knowledge.original(document_id)
            page = next((page for page in document.pages if page.number == number), None)
            if original is None or page is None or document.info.media_type != "application/pdf":
                raise NotFoundError(f"There is no picture of page {number!r}.", "Open the document's text instead.")
            png = pictures.draw(original, document, page, *_span(document, start, end))
        except CrossroadsError as error:
            return _refused(error)
        return Response(png, media_type="image/png", headers={**HEADERS, "cache-control": "private, max-age=600"})

    @router.get("/{document_id}/original")
    def original(document_id: str) -> Response:
        """The file as it was loaded, to be saved and never shown in place."""
        try:
            document = _document(assistant, document_id)
            path = assistant.knowledge.original(document_id)
            if path is None:
                raise NotFoundError(f"The original of {document_id!r} is not kept.", "Its text is in the viewer.")
        except CrossroadsError as error:
            return _refused(error)
        name = quote(document_page.name(document), safe="")
        headers = {**HEADERS, "content-disposition": f"attachment; filename*=UTF-8''{name}"}
        return FileResponse(path, media_type="application/octet-stream", headers=headers)

    return router


def _document(assistant: Assistant, document_id: str) -> StoredDocument:
    document: StoredDocument | None = assistant.knowledge.document(document_id)
    if document is None:
        raise NotFoundError(f"There is no document {document_id!r}.", "It may have been deleted or replaced.")
    return document


def _span(document: StoredDocument, start: int, end: int) -> tuple[int, int]:
    start = min(max(start, 0), len(document.text))
    return start, min(max(end, start), len(document.text))


def _refused(error: CrossroadsError) -> Response:
    status = 404 if isinstance(error, NotFoundError) else 503
    return HTMLResponse(document_page.refusal(error), status_code=status, headers=HEADERS)
