"""HTML: the main text of a page as Markdown, without menus and adverts."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from assistant.knowledge.loaders.parts import facts, headings
from assistant.knowledge.loaders.plain import decode
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?([\w-]+)", re.IGNORECASE)
_LANGUAGE = re.compile(r"<html[^>]{0,300}\blang=[\"']?([A-Za-z-]{2,12})", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def load(data: bytes, name: str) -> Loaded:
    """What `trafilatura` takes for the page's content; all its text where that finds nothing."""
    import html

    import trafilatura

    page = _decode(data)
    try:
        text = trafilatura.extract(
            page, output_format="markdown", include_tables=True, include_comments=False, favor_recall=True
        )
        text = text or trafilatura.html2txt(page)
    except (ValueError, RecursionError) as error:  # lxml's errors are ValueErrors
        message = f"{name!r} cannot be read as HTML: {error}."
        raise DocumentError(message, "Save the page again, or save it as PDF.") from None
    if not (text or "").strip():
        message = f"{name!r} has no text: the page may be built by scripts in the browser."
        raise DocumentError(message, "Save it as PDF from the browser and ingest that.")
    title = _TITLE.search(page)
    words = html.unescape(title[1]) if title else ""
    text = text.replace("\r\n", "\n")
    return Loaded(text, words.strip() or PurePath(name).name, "text/html", metadata=_facts(page, text))


def _facts(page: str, text: str) -> dict[str, Any]:
    """Author, dates and language as the page names them."""
    import trafilatura

    try:
        told = trafilatura.extract_metadata(page)
    except (ValueError, TypeError, RecursionError, AttributeError):  # a guess: the text is what counts
        told = None
    return facts(
        authors=getattr(told, "author", "") or "",
        created=getattr(told, "date", "") or "",
        publisher=getattr(told, "sitename", "") or "",
        description=getattr(told, "description", "") or "",
        language=_LANGUAGE.search(page)[1] if _LANGUAGE.search(page) else "",  # type: ignore[index]
        headings=headings(text),
    )


def _decode(data: bytes) -> str:
    declared = _CHARSET.search(data[:4096])
    if declared and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):  # a page that lies about itself
            pass
    return decode(data)
