"""HTML: the main text of a page as Markdown, without menus and adverts."""

from __future__ import annotations

import re
from pathlib import PurePath

from assistant.knowledge.loaders.plain import decode
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?([\w-]+)", re.IGNORECASE)
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
    return Loaded(text.replace("\r\n", "\n"), words.strip() or PurePath(name).name, "text/html")


def _decode(data: bytes) -> str:
    declared = _CHARSET.search(data[:4096])
    if declared and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):  # a page that lies about itself
            pass
    return decode(data)
