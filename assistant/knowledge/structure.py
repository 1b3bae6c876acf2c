"""What a text is made of: headings, paragraphs, code, table rows, each an exact span of the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from assistant.knowledge.formats import format_of
from assistant.knowledge.types import Loaded, Page

Kind = Literal["heading", "text", "code", "row"]

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_LONGEST_HEADING = 1_000
"""Longer lines are no headings; to look for the signs at their end would take a hostile one's length squared."""
_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})(.*)$")
_DEFINITION = re.compile(
    r"^(?P<indent>[ \t]*)(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|override|"
    r"virtual|pub(?:\([a-z]+\))?|unsafe|extern|inline|const|sealed|open|data|partial|suspend|local)[ \t]+)*"
    r"(?:(?:class|interface|struct|enum|trait|impl|fn|func|fun|function|def|module|namespace|protocol|extension|object|"
    r"record|type|macro_rules!|sub|create[ \t]+(?:or[ \t]+replace[ \t]+)?(?:table|view|function|procedure))[ \t]+"
    r"(?:if[ \t]+not[ \t]+exists[ \t]+)?(?:\([^)\n]{0,80}\)[ \t]*)?(?P<named>[\w.]{1,80})"
    r"|(?:[\w:<>,*&\[\]?]{1,80}[ \t]+){1,4}\*{0,2}(?P<called>[A-Za-z_~][\w:]{0,80})\([^;\n]{0,300}\{[ \t]*$)",
    re.MULTILINE | re.IGNORECASE,
)
_NO_NAMES = frozenset("if for while switch return else catch do try with new and or not in is the of".split())
_ABOVE = re.compile(r"[ \t]*(?:#|//|/\*|\*|@|--|\"\"\"|///|\[\[?\w)")
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
    body, text = format_of(loaded.media_type).body, loaded.text
    pages = loaded.pages or (Page(0, 0, len(text)),)
    for page in pages:
        number = page.number or None
        if body == "markdown":
            found: Iterable[Block] = _Markdown(text[page.start : page.end]).blocks()
            yield from (
                replace(block, start=block.start + page.start, end=block.end + page.start, page=number)
                for block in found
            )
        elif body == "rows":
            yield from _lines(text, page, number)
        elif body == "code":
            yield from _code(text)
        else:
            yield from _paragraphs(text, page.start, page.end, number)


def plain_heading(text: str) -> str:
    """A heading's words without links, emphasis, tags and anchors."""
    return _MARKUP.sub(lambda match: match[1] or "", text).strip()


def _lines(text: str, page: Page, number: int | None) -> Iterator[Block]:
    start = page.start
    for line in text[page.start : page.end].split("\n"):
        if line.strip():
            yield Block(start, start + len(line.rstrip()), "row", page.label, number)
        start += len(line) + 1


@dataclass(frozen=True)
class Definition:
    """Where a class, function or the like begins in a program text."""

    start: int
    indent: int
    name: str


def definitions(text: str) -> Iterator[Definition]:
    """The definitions of a program text in most languages, told by the form of their first line."""
    for match in _DEFINITION.finditer(text):
        name = match["named"] or match["called"]
        if name and name not in _NO_NAMES:
            yield Definition(match.start(), len(match["indent"].expandtabs(4)), name)


def _code(text: str) -> Iterator[Block]:
    """One block for each definition, from the comments above it to the next, under the names it is nested in."""
    path: list[Definition] = []
    start, heading = 0, ""
    for found in definitions(text):
        begin = _with_comments(text, found.start)
        if begin > start and text[start:begin].strip():
            yield Block(start, begin, "code", heading)
        start = max(start, begin)
        path = [outer for outer in path if outer.indent < found.indent] + [found]
        heading = " › ".join(outer.name for outer in path)
    if text[start:].strip():
        yield Block(start, len(text), "code", heading)


def _with_comments(text: str, start: int) -> int:
    """Where the comments and decorators right above a definition begin."""
    while start > 0:
        before = text.rfind("\n", 0, start - 1) + 1
        if not _ABOVE.match(text, before, start):
            return start
        start = before
    return start


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
        elif len(line) < _LONGEST_HEADING and (heading := _HEADING.match(line)):
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
