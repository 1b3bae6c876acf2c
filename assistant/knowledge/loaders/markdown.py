"""Markdown: stored as it is written, titled by its front matter or first heading."""

from __future__ import annotations

import re
from pathlib import PurePath

from assistant.knowledge.loaders.plain import decode
from assistant.knowledge.structure import plain_heading
from assistant.knowledge.types import Loaded

_FRONT_TITLE = re.compile(r"\A---[ \t]*\n(?:.*\n)*?title:[ \t]*(.+?)[ \t]*\n(?:.*\n)*?---[ \t]*(?:\n|\Z)")
_FIRST_HEADING = re.compile(r"^ {0,3}#[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)


def load(data: bytes, name: str) -> Loaded:
    """The Markdown text itself, so that offsets lead to the place in the file."""
    text = decode(data)
    return Loaded(text, _title(text) or PurePath(name).name, "text/markdown")


def _title(text: str) -> str:
    head = text[:10_000]
    match = _FRONT_TITLE.match(head)
    if match:
        return match[1].strip("\"'")
    heading = _FIRST_HEADING.search(head)
    return plain_heading(heading[1]) if heading else ""
