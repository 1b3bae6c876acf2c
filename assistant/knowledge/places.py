"""Where in its file a span stands, in words a person can follow: `p. 4`, `slide 3`, `sheet Orders, row 12`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.knowledge.formats import format_of
from assistant.knowledge.types import Page, StoredDocument
from graphs.answer import place_words


@dataclass(frozen=True)
class Place:
    """Where a passage begins. Inside it, each line end is one `line_name` further on."""

    part: str = ""
    """Page, slide, sheet or chapter, such as `slide 3`; empty where the format has none."""
    line: int | None = None
    """Number of its first line in that part; None where lines are not numbered."""
    line_name: str = ""
    """What a line is called: `row`, `line`, `record`."""


def part_of(media_type: str, page: Page | None) -> str:
    """What a citation calls a page of a document of this type."""
    kind = format_of(media_type).part
    if page is None or not kind:
        return ""
    name = page.label if page.label and kind != "slide" else str(page.number)
    return f"{kind} {name}" if len(name) <= 60 else f"{kind} {page.number}"


def page_at(pages: Sequence[Page], start: int) -> Page | None:
    """The page an offset lies on."""
    return next((page for page in reversed(pages) if page.start <= start), None)


def place_in(document: StoredDocument, start: int, end: int) -> str:
    """Where a span of a stored document stands, as `graphs.answer.Passage.place` words it."""
    page, name = page_at(document.pages, start), format_of(document.info.media_type).line
    part = part_of(document.info.media_type, page)
    if not name:
        return part
    first = 1 + document.text.count("\n", page.start if page else 0, start)
    return place_words(part, name, first, first + document.text.count("\n", start, max(start, end - 1)))
