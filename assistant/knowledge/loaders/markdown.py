"""Markdown: stored as it is written, titled by its front matter or first heading."""

from __future__ import annotations

import re
from pathlib import PurePath

from assistant.knowledge.loaders.parts import facts, headings
from assistant.knowledge.loaders.plain import decode
from assistant.knowledge.structure import plain_heading
from assistant.knowledge.types import Loaded

_FRONT = re.compile(r"\A---[ \t]*\n((?:(?!---).*\n){0,200})---[ \t]*(?:\n|\Z)")
_ENTRY = re.compile(r"^(\w[\w-]{0,40}):[ \t]*(\S.*)$", re.MULTILINE)
_KEPT = {
    "author": "authors",
    "authors": "authors",
    "date": "created",
    "created": "created",
    "updated": "modified",
    "lang": "language",
    "language": "language",
    "tags": "keywords",
    "keywords": "keywords",
    "subject": "subject",
    "category": "category",
    "version": "version",
    "status": "status",
}
_FIRST_HEADING = re.compile(r"^ {0,3}#[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)


def load(data: bytes, name: str) -> Loaded:
    """The Markdown text itself, so that offsets lead to the place in the file."""
    text = decode(data)
    front = _front(text)
    known = facts(headings=headings(text), **{_KEPT[key]: value for key, value in front.items() if key in _KEPT})
    title = front.get("title") or _first_heading(text) or PurePath(name).name
    return Loaded(text, title, "text/markdown", metadata=known)


def _front(text: str) -> dict[str, str]:
    """The plain entries of the front matter; a list in brackets loses them."""
    match = _FRONT.match(text[:20_000])
    entries = _ENTRY.findall(match[1]) if match else []
    return {key.lower(): value.strip().strip("[]").strip("\"'") for key, value in entries}


def _first_heading(text: str) -> str:
    heading = _FIRST_HEADING.search(text[:10_000])
    return plain_heading(heading[1]) if heading else ""
