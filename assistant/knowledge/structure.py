"""What a text is made of: headings, paragraphs, code, table rows, each an exact span of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assistant.knowledge.types import Loaded

Kind = Literal["heading", "text", "code", "row"]

MARKED_UP = {
    "text/markdown",
    "text/html",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
"""Media types whose stored text has Markdown's headings and fences."""

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})(.*)$")
_BLANK_LINES = re.compile(r"\r?\n[ \t]*(?:\r?\n[ \t]*)+")
_MARKUP = re.compile(r"\{#[^}]*\}|<[^>]*>|[*`]+|!?\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class Block:
    """A span that belongs together. `heading` is the path of headings it stands under."""

    start: int
    end: int
    kind: Kind
    heading: str = ""
    page: int | None = None


def blocks(loaded: Loaded) -> Iterator[Block]:
    """The blocks of a document in reading order. Together they cover everything but white space."""
    if loaded.media_type in MARKED_UP:
        yield from _Markdown(loaded.text).blocks()
    elif loaded.media_type == "text/csv":
        yield from _lines(loaded.text)
    elif loaded.pages:
        for page in loaded.pages:
            yield from _paragraphs(loaded.text, page.start, page.end, page.number)
    else:
        yield from _paragraphs(loaded.text, 0, len(loaded.text), None)


def plain_heading(text: str) -> str:
    """A heading's words without links, emphasis, tags and anchors."""
    return _MARKUP.sub(lambda match: match[1] or "", text).strip()


def _lines(text: str) -> Iterator[Block]:
    start = 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            yield Block(start, start + len(line.rstrip()), "row")
        start += len(line)


def _paragraphs(text: str, start: int, end: int, page: int | None) -> Iterator[Block]:
    position = start
    for gap in _BLANK_LINES.finditer(text, start, end):
        if text[position : gap.start()].strip():
            yield Block(position, gap.start(), "text", "", page)
        position = gap.end()
    if text[position:end].strip():
        yield Block(position, end, "text", "", page)


class _Markdown:
    """One pass over the lines of a Markdown text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.path: list[tuple[int, str]] = []
        self.start: int | None = None
        """Where the open paragraph or code block began."""
        self.lines = 0
        self.fence = ""
        self.found: list[Block] = []

    def blocks(self) -> list[Block]:
        position = self._front_matter()
        for line in self.text[position:].split("\n"):
            end = position + len(line)
            self._line(line, position, end)
            position = end + 1
        self._close(len(self.text), "code" if self.fence else "text")
        return self.found

    def _line(self, line: str, start: int, end: int) -> None:
        fence = _FENCE.match(line)
        if self.fence:
            if fence and fence[1].startswith(self.fence) and not fence[2].strip():
                self._close(end, "code")
                self.fence = ""
        elif fence and "`" not in fence[2]:
            self._close(start, "text")
            self.start, self.fence = start, fence[1]
        elif heading := _HEADING.match(line):
            self._close(start, "text")
            self._heading(len(heading[1]), heading[2], start, end)
        elif _UNDERLINE.match(line) and self.start is not None and self.lines == 1:
            begin, self.start = self.start, None
            self._heading(1 if "=" in line else 2, self.text[begin : start - 1], begin, end)
        elif not line.strip():
            self._close(start, "text")
        else:
            self._open(start)

    def _open(self, start: int) -> None:
        if self.start is None:
            self.start, self.lines = start, 0
        self.lines += 1

    def _close(self, end: int, kind: Kind) -> None:
        if self.start is not None and self.text[self.start : end].strip():
            self.found.append(Block(self.start, end, kind, self._heading_path()))
        self.start = None

    def _heading(self, level: int, words: str, start: int, end: int) -> None:
        self.path = [entry for entry in self.path if entry[0] < level]
        self.path.append((level, plain_heading(words)))
        self.found.append(Block(start, end, "heading", self._heading_path()))

    def _heading_path(self) -> str:
        return " › ".join(words for _, words in self.path if words)

    def _front_matter(self) -> int:
        match = re.match(r"---[ \t]*\n.*?\n---[ \t]*(?:\n|$)", self.text, re.DOTALL)
        if not match:
            return 0
        self.found.append(Block(0, match.end(), "text"))
        return match.end()
