"""PDF: the text pdfium finds, page by page, character for character.

The stored text of a page has exactly one character for each of pdfium's, in its order. So `offset - page.start` is
the index `PdfTextPage.get_charbox` wants, and a citation can be drawn as boxes on the page.
"""

from __future__ import annotations

import threading
from pathlib import PurePath
from typing import Any

from assistant.knowledge.types import Loaded, Page
from graphs.errors import DocumentError

GAP = "\n\n"
"""What stands between two pages; it belongs to neither."""

PDFIUM_LOCK = threading.RLock()
"""pdfium is not thread-safe: whoever uses it in a process of many threads holds this."""

_REPLACED = str.maketrans({"\ufffe": "-", "\x02": "-", "\uffff": " ", "\x00": " "})
"""pdfium's marks for a hyphen at a line's end, and what cannot be stored."""


def load(data: bytes, name: str) -> Loaded:
    """Text, page spans and title. Raises `DocumentError` for encrypted and damaged files and for scans without text."""
    import pypdfium2

    with PDFIUM_LOCK:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            raise _refusal(error, name) from None
        try:
            return _read(document, name)
        except pypdfium2.PdfiumError as error:
            raise _refusal(error, name) from None
        finally:
            document.close()


def page_text(text_page: Any) -> str:
    """The text of a pdfium text page with `len(text) == text_page.count_chars()`."""
    count = text_page.count_chars()
    text: str = text_page.get_text_range() if count else ""
    if len(text) != count:  # a character outside the basic plane has two indexes, another may have none
        from pypdfium2.raw import FPDFText_GetUnicode

        text = _one_for_one([FPDFText_GetUnicode(text_page.raw, index) for index in range(count)])
    return text.translate(_REPLACED)


def _one_for_one(codes: list[int]) -> str:
    """One character for each UTF-16 code: a pair becomes its character and a space."""
    text = []
    for index, code in enumerate(codes):
        low = codes[index + 1] if index + 1 < len(codes) else 0
        if 0xD800 <= code < 0xDC00 and 0xDC00 <= low < 0xE000:
            text.append(chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)))
        else:
            text.append(chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else " ")
    return "".join(text)


def _read(document: Any, name: str) -> Loaded:
    parts: list[str] = []
    pages: list[Page] = []
    position = 0
    for number in range(len(document)):
        page = document[number]
        text_page = page.get_textpage()
        text = page_text(text_page)
        text_page.close()
        page.close()
        pages.append(Page(number + 1, position, position + len(text)))
        parts.append(text)
        position += len(text) + len(GAP)
    if not any(part.strip() for part in parts):
        message = f"{name!r} has {len(pages)} page(s) but no text: it is a scan, or its text is drawn as pictures."
        raise DocumentError(
            message, "Run text recognition on it (for one `ocrmypdf in.pdf out.pdf`) and ingest the result."
        )
    title = str(document.get_metadata_dict().get("Title") or "").strip()
    return Loaded(GAP.join(parts), title or PurePath(name).name, "application/pdf", tuple(pages))


def _refusal(error: Exception, name: str) -> DocumentError:
    if "password" in str(error).lower():
        cure = "Open it, save or print it as a PDF without a password and ingest that."
        return DocumentError(f"{name!r} is encrypted and needs a password.", cure)
    cure = "Open it to see whether it is complete, then export or download it again."
    return DocumentError(f"{name!r} is a damaged PDF.", cure)
