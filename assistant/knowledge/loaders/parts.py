"""What several loaders do: put parts together as pages, and write dates and names the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from assistant.knowledge.types import Page

GAP = "\n\n"
"""What stands between two pages; it belongs to neither."""
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(\S.{0,300}?)[ \t#]{0,80}$", re.MULTILINE)
_MOST_HEADINGS = 60


def join_pages(parts: Iterable[tuple[str, str]]) -> tuple[str, tuple[Page, ...]]:
    """One text from (label, text) pairs, and where each of them lies in it. Numbers count from 1."""
    texts: list[str] = []
    pages: list[Page] = []
    position = 0
    for number, (label, text) in enumerate(parts, 1):
        pages.append(Page(number, position, position + len(text), label))
        texts.append(text)
        position += len(text) + len(GAP)
    return GAP.join(texts), tuple(pages)


def facts(**known: Any) -> dict[str, Any]:
    """Metadata of what is known: empty values are left out, dates written as ISO 8601, names as a list."""
    return {key: value for key, value in ((key, _plain(key, value)) for key, value in known.items()) if value}


def headings(text: str) -> list[str]:
    """The headings of a text in Markdown, the first sixty."""
    found = (match[1].strip() for match in _HEADING.finditer(text))
    return [words for _, words in zip(range(_MOST_HEADINGS), found, strict=False)]


def office_facts(properties: Any) -> Mapping[str, Any]:
    """Metadata from the core properties of an Office file, as python-docx, python-pptx and openpyxl give them."""

    def get(*names: str) -> Any:
        return next((value for name in names if (value := getattr(properties, name, None))), None)

    return facts(
        authors=get("author", "creator"),
        created=get("created"),
        modified=get("modified"),
        subject=get("subject"),
        keywords=get("keywords"),
        language=get("language"),
        description=get("comments", "description"),
    )


def _plain(key: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if key == "authors" and isinstance(value, str):
        return [name.strip() for name in re.split(r";|,(?=\s*\S+\s+\S)|\band\b", value) if name.strip()]
    return value.strip()[:500] if isinstance(value, str) else value
