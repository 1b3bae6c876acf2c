"""The viewer's HTML: the stored text with one span marked; for a PDF the page's picture above it."""

from __future__ import annotations

from html import escape
from pathlib import Path, PurePath
from urllib.parse import quote, urlsplit

from assistant.http.pdf_pictures import Pictures
from assistant.knowledge.formats import format_of
from assistant.knowledge.places import part_of, place_in
from assistant.knowledge.types import Page, StoredDocument
from graphs.errors import CrossroadsError

STYLE = (Path(__file__).parent / "viewer.css").read_text(encoding="utf-8")


def page(document: StoredDocument, start: int, end: int, original: Path | None, pictures: Pictures) -> str:
    """The whole page. The first marked piece has the id `here`, so `#here` scrolls to it; `original` is the file."""
    title = document.info.title or name(document)
    cited = cited_page(document, start, end)
    parts = [_head(document, title, cited, (start, end), has_original=original is not None)]
    if cited and original and document.info.media_type == "application/pdf":
        at = pictures.marked_at(original, document, cited, start, end)
        parts.append(_picture(document, cited, start, end, at))
    parts.append(_text(document, start, end, picture=len(parts) == 2))
    return _html(title, "".join(parts))


def refusal(error: CrossroadsError) -> str:
    """A page that says what is wrong and what to do."""
    return _html("Not here", f"<main><h1>{escape(error.message)}</h1><p>{escape(error.cure)}</p></main>")


def name(document: StoredDocument) -> str:
    """The file's name as people know it."""
    source = document.info.source.replace("\\", "/")
    parts = urlsplit(source)
    path = parts.path if parts.scheme in {"http", "https"} else source
    return PurePath(path).name or document.info.title or "document"


def cited_page(document: StoredDocument, start: int, end: int) -> Page | None:
    """The page the span begins on; the first one where nothing is cited; None where there are no pages."""
    if end <= start:
        return document.pages[0] if document.pages else None
    return next((page for page in document.pages if page.start <= start < page.end), None)


def _place(document: StoredDocument, cited: Page | None, span: tuple[int, int]) -> str:
    """What is open: the page where nothing is cited, else where the span stands."""
    if cited and document.info.media_type == "application/pdf":
        return f"page {cited.number} of {len(document.pages)}"
    return escape(place_in(document, *span)) if span[1] > span[0] else ""


def _head(
    document: StoredDocument, title: str, cited: Page | None, span: tuple[int, int], *, has_original: bool
) -> str:
    source = "" if document.info.source == title else document.info.source
    page_of = _place(document, cited, span)
    where = f" · {page_of}" if source and page_of else page_of
    links = ['<a href="#here">To the cited passage</a>']
    if has_original:
        links.append(f'<a href="{_address(document)}/original" download>Download the original</a>')
    return (
        f'<header><h1 dir="auto">{escape(title)}</h1>'
        f'<p class="about"><bdi>{escape(source)}</bdi>{where}</p></header>'
        f'<nav aria-label="Document">{"".join(links)}</nav>'
    )


def _picture(document: StoredDocument, cited: Page, start: int, end: int, at: float) -> str:
    address = f"{_address(document)}/pages/{cited.number}?start={start}&amp;end={end}"
    return (
        f'<figure><span id="here" style="top: {at:.1%}"></span>'
        f'<img src="{address}" '
        f'alt="Page {cited.number} with the cited passage marked; its text follows below">'
        f"<figcaption>Page {cited.number}, as printed. Its text is below.</figcaption></figure>"
    )


def _text(document: StoredDocument, start: int, end: int, *, picture: bool) -> str:
    spans = [(page.start, page.end, _heading(document, page)) for page in document.pages]
    spans = spans or [(0, len(document.text), "")]
    shape = ' class="code"' if format_of(document.info.media_type).body in ("code", "rows") else ""
    first = not picture  # the picture is where `#here` leads, where there is one
    parts = []
    for begin, finish, words in spans:
        marked = begin < end and start < finish and end > start
        body = _marked(document.text, begin, finish, start, end, with_id=first and marked)
        first = first and not marked
        heading = f"<h2>{escape(words)}</h2>" if words else ""
        parts.append(f'<section>{heading}<pre dir="auto"{shape}>{body}</pre></section>')
    return f"<main>{''.join(parts)}</main>"


def _heading(document: StoredDocument, page: Page) -> str:
    part = part_of(document.info.media_type, page) or f"page {page.number}"
    return part.replace("p. ", "page ", 1).capitalize() if part.startswith("p. ") else part[:1].upper() + part[1:]


def _marked(text: str, begin: int, finish: int, start: int, end: int, *, with_id: bool) -> str:
    low, high = max(begin, min(start, finish)), min(finish, max(end, begin))
    if low >= high:
        return escape(text[begin:finish])
    anchor = ' id="here"' if with_id else ""
    return f"{escape(text[begin:low])}<mark{anchor}>{escape(text[low:high])}</mark>{escape(text[high:finish])}"


def _address(document: StoredDocument) -> str:
    return f"../documents/{quote(document.info.document_id, safe='')}"


def _html(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )
