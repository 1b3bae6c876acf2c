"""PDF: the text pdfium finds, page by page, character for character.

The stored text of a page has exactly one character for each of pdfium's, in its order but on pages of columns (see
`pdf_columns`). So `offset - page.start` leads to the index `PdfTextPage.get_charbox` wants, and a citation can be drawn
as boxes on the page.
"""

from __future__ import annotations

import re
import threading
from pathlib import PurePath
from typing import Any

from assistant.knowledge.loaders import ocr
from assistant.knowledge.loaders.parts import facts, join_pages
from assistant.knowledge.loaders.pdf_columns import in_columns, reordered
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

PDFIUM_LOCK = threading.RLock()
"""pdfium is not thread-safe: whoever uses it in a process of many threads holds this."""

_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?")
_REPLACED = str.maketrans({"\ufffe": "-", "\x02": "-", "\uffff": " ", "\x00": " "})
"""pdfium's marks for a hyphen at a line's end, and what cannot be stored."""


def load(data: bytes, name: str, *, recognize: bool = False) -> Loaded:
    """Text, page spans and title; `recognize` reads scanned pages by text recognition (the extra `ocr`).

    `metadata["scanned_pages"]` names the pages that are pictures and were not read, `metadata["columns"]` those whose
    characters were put into the order of their columns. Raises `DocumentError` for
    encrypted and damaged files, `ScanError` where every page is a picture.
    """
    import pypdfium2

    with PDFIUM_LOCK:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            raise _refusal(error, name) from None
        try:
            return _read(document, name, recognize)
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


class ScanError(DocumentError):
    """A PDF of pictures alone."""


def _read(document: Any, name: str, recognize: bool) -> Loaded:
    texts: list[str] = []
    scanned: list[int] = []
    columns: list[int] = []
    for number in range(1, len(document) + 1):
        page = document[number - 1]
        text, in_order = _text_of(page)
        columns += [] if in_order else [number]
        pixels = 0 if text.strip() else _pixels(page)
        if pixels and recognize and pixels <= ocr.MOST_PIXELS:
            text = ocr.read_page(page)
        elif pixels:
            scanned.append(number)
        page.close()
        texts.append(text)
    if not any(text.strip() for text in texts):
        message = f"{name!r} has {len(texts)} page(s) but no text: it is a scan, or its text is drawn as pictures."
        raise ScanError(message, ocr.CURE)
    joined, pages = join_pages(("", text) for text in texts)
    told = document.get_metadata_dict()
    title = str(told.get("Title") or "").strip()
    known = facts(
        authors=told.get("Author"),
        created=_date(told.get("CreationDate")),
        modified=_date(told.get("ModDate")),
        subject=told.get("Subject"),
        keywords=told.get("Keywords"),
        scanned_pages=scanned,
        columns=columns,
        headings=_outline(document),
    )
    return Loaded(joined, title or PurePath(name).name, "application/pdf", pages, known)


def _text_of(page: Any) -> tuple[str, bool]:
    """The text of a page, and whether it is in pdfium's own order."""
    text_page = page.get_textpage()
    try:
        text = page_text(text_page)
        order = in_columns(text_page, text)
        return (reordered(text, order), False) if order else (text, True)
    finally:
        text_page.close()


def _pixels(page: Any) -> int:
    """How many pixels the pictures on a page have, as the file says: none is unpacked for it."""
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    sizes = [picture.get_px_size() for picture in page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE], max_depth=3)]
    return sum(width * height for width, height in sizes)


def _outline(document: Any) -> list[str]:
    """The bookmarks' titles, the first sixty."""
    from itertools import islice

    return [words for mark in islice(document.get_toc(max_depth=4), 60) if (words := _title(mark))]


def _title(bookmark: Any) -> str:
    return " ".join(str(bookmark.get_title() or "").split())


def _date(written: str | None) -> str:
    """`D:20240131120000+01'00'` as ISO 8601; empty where it is none."""
    match = _DATE.match(written or "")
    return "-".join(part for part in match.groups() if part) if match else ""


def _refusal(error: Exception, name: str) -> DocumentError:
    if "password" in str(error).lower():
        cure = "Open it, save or print it as a PDF without a password and ingest that."
        return DocumentError(f"{name!r} is encrypted and needs a password.", cure)
    cure = "Open it to see whether it is complete, then export or download it again."
    return DocumentError(f"{name!r} is a damaged PDF.", cure)
