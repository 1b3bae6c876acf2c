"""What a person may narrow a search by, and the documents of the catalogue that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any

from assistant.knowledge.types import DocumentInfo, Where
from graphs.errors import UsageError


@dataclass(frozen=True)
class Filters:
    """Every field given narrows the search further; an empty one does not."""

    document: str = ""
    """A document's id or its source, exactly."""
    source: str = ""
    """A pattern such as `*/handbooks/*.pdf` over the whole source, or over the file's name alone."""
    title: str = ""
    """Words in the title, in any case."""
    author: str = ""
    """Words of one author's name, in any case."""
    format: str = ""
    """A media type (`application/pdf`) or the ending of a file (`pdf`)."""
    after: str = ""
    """ISO date: dated on this day or later. The document's own date where it has one, else when it was loaded."""
    before: str = ""
    """ISO date: dated on this day or earlier."""
    heading: str = ""
    """Words of the headings above a passage, all of them."""
    pages: str = ""
    """A page number, or two as in `3-5`."""

    def where(self, documents: Sequence[DocumentInfo]) -> Where:
        """These filters in a store's terms, given the catalogue. Raises `UsageError` for one that cannot be read."""
        named = [self.document, self.source, self.title, self.author, self.format, self.after, self.before]
        first, last = _day(self.after), _day(self.before)
        found = None
        if any(named):
            found = frozenset(info.document_id for info in documents if self._fits(info, first, last))
        return Where(found, self.heading, _pages(self.pages))

    def _fits(self, info: DocumentInfo, first: date | None, last: date | None) -> bool:
        day = date_of(info)
        return (
            (not self.document or self.document in (info.document_id, info.source))
            and (not self.source or _matches(info.source, self.source))
            and (not self.title or _has_words(info.title, self.title))
            and (not self.author or any(_has_words(name, self.author) for name in _authors(info)))
            and (not self.format or self.format.lower().lstrip(".") in _formats(info))
            and (first is None or (day is not None and day >= first))
            and (last is None or (day is not None and day <= last))
        )


def filters_from(values: dict[str, Any]) -> Filters:
    """Filters from plain JSON. Raises `UsageError` naming one that does not exist."""
    known = [field.name for field in fields(Filters)]
    for name in values:
        if name not in known:
            raise UsageError(f"A search cannot be narrowed by {name!r}.", f"It can by {', '.join(known)}.")
    return Filters(**{name: str(value) for name, value in values.items() if value is not None})


def date_of(info: DocumentInfo) -> date | None:
    """The day the document says it was made or else changed, where one can be read; else the day it was loaded.

    A year or a month alone stands for its first day.
    """
    known = info.metadata
    for text in (known.get("created"), known.get("modified"), info.added):
        try:
            year, month, day = [*str(text or "")[:10].split("-"), "01", "01"][:3]
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def _has_words(text: str, wanted: str) -> bool:
    return all(word in text.lower() for word in wanted.lower().split())


def _authors(info: DocumentInfo) -> list[str]:
    named = info.metadata.get("authors") or []
    return [named] if isinstance(named, str) else [str(name) for name in named]


def _matches(source: str, pattern: str) -> bool:
    return fnmatchcase(source, pattern) or fnmatchcase(PurePath(source).name, pattern)


def _formats(info: DocumentInfo) -> set[str]:
    return {
        info.media_type.lower(),
        info.media_type.lower().rpartition("/")[2],
        PurePath(info.source).suffix.lower()[1:],
    }


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{text!r} is not a date.", "Write it like 2026-01-31.") from None


def _pages(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    first, _, last = text.partition("-")
    try:
        span = int(first), int(last or first)
    except ValueError:
        raise UsageError(f"{text!r} names no pages.", "Write a number, or two as in 3-5.") from None
    if span[0] > span[1]:
        raise UsageError(f"{text!r} names no pages.", "Write the smaller number first.")
    return span
