"""Split documents into chunks that are exact spans of the stored text: `text[start:end] == chunk.text`.

Headings, paragraphs, sentences and code blocks stay whole where they fit; sizes are tokens of the embedding model. A
chunk lies on one page. Consecutive chunks of a section overlap by whole sentences. Everything but white space is in
some chunk.
"""

from __future__ import annotations

import re
import uuid
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.knowledge.structure import Block, blocks
from assistant.knowledge.types import Chunk, Loaded

TokenStarts = Callable[[str], Sequence[int]]
"""Where each token of a text begins, ascending."""

_CHARACTERS_PER_TOKEN = 12
"""A token counts at least for this many characters: a long run without a space is one unknown token to BERT."""
_SENTENCE = re.compile(
    r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[^\sa-z])"  # an end, perhaps a closing quote, then something that can begin
    r"|(?<=[。！？])"
    r"|\n(?=[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t])"  # the next list item
    r"|\n(?=[ \t]*\|)"  # the next table row
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Za-z]|Dr|Mr|Mrs|Ms|St|Nr|No|vs|etc|e\.g|i\.e|cf|Fig|Eq|pp|vol|approx)|(?:^|\n)[ \t]*\d{1,3})\.$"
)
_LINE = re.compile(r"\r?\n")
_WORDS = re.compile(r"\w{1,8}|[^\w\s]")


@dataclass(frozen=True)
class Sizes:
    """How large chunks are, in tokens."""

    tokens: int = 200
    overlap: int = 30

    @property
    def small(self) -> int:
        """A section shorter than this goes together with the next one."""
        return self.tokens // 4

    @property
    def most(self) -> int:
        """The most a chunk may have: headings in front of a unit of full size may exceed `tokens`."""
        return self.tokens + self.tokens // 4


def split(loaded: Loaded, document_id: str, source: str, sizes: Sizes, token_starts: TokenStarts) -> list[Chunk]:
    """The chunks of a document, in order. Their ids depend on the document, the position and the content only."""
    ruler = _Ruler(loaded.text, token_starts(loaded.text))
    units = [unit for block in blocks(loaded) for unit in _units(block, ruler, sizes.tokens)]
    spans = [_span(group) for group in _pack(units, ruler, sizes)]
    return [
        Chunk(
            chunk_id=str(
                uuid.uuid5(uuid.UUID(document_id), f"{index}:{span.start}:{loaded.text[span.start : span.end]}")
            ),
            document_id=document_id,
            source=source,
            title=loaded.title,
            text=loaded.text[span.start : span.end],
            start=span.start,
            end=span.end,
            page=span.page,
            heading=span.heading,
        )
        for index, span in enumerate(spans)
    ]


def approximate_token_starts(text: str) -> list[int]:
    """Token starts for an embedding model whose tokenizer is not at hand: words in pieces of eight, signs alone."""
    return [match.start() for match in _WORDS.finditer(text)]


class _Ruler:
    """Measures spans of one text in tokens."""

    def __init__(self, text: str, starts: Sequence[int]) -> None:
        self.text = text
        self.starts = starts

    def size(self, start: int, end: int) -> int:
        tokens = bisect_left(self.starts, end) - bisect_left(self.starts, start)
        return max(tokens, (end - start) // _CHARACTERS_PER_TOKEN)

    def cut(self, start: int, end: int, tokens: int) -> int:
        """Where a span from `start` has to end to hold `tokens` at most; behind a space if one is near."""
        index = bisect_left(self.starts, start) + tokens
        limit = min(end, start + tokens * _CHARACTERS_PER_TOKEN)
        if index < len(self.starts):
            limit = min(limit, max(self.starts[index], start + 1))
        if limit == end:
            return end
        near = start + (limit - start) * 3 // 4
        space = max(self.text.rfind(sign, near, limit) for sign in (" ", "\n", "\t"))
        return space + 1 if space > start else limit


def _units(block: Block, ruler: _Ruler, limit: int) -> Iterator[Block]:
    """The block itself where it fits, else its parts: sentences, lines (code: lines), then tokens."""
    start, end = _strip(ruler.text, block.start, block.end)
    whole = replace(block, start=start, end=end)
    if block.kind != "text" and ruler.size(start, end) <= limit:
        yield whole
        return
    patterns = [_LINE] if block.kind in ("code", "row") else [_SENTENCE, _LINE]
    yield from _divide(whole, ruler, limit, patterns)


def _divide(block: Block, ruler: _Ruler, limit: int, patterns: list[re.Pattern[str]]) -> Iterator[Block]:
    if not patterns:
        yield from _cut(block, ruler, limit)
        return
    for start, end in _pieces(ruler.text, block.start, block.end, patterns[0]):
        piece = replace(block, start=start, end=end)
        if ruler.size(start, end) <= limit:
            yield piece
        else:
            yield from _divide(piece, ruler, limit, patterns[1:])


def _cut(block: Block, ruler: _Ruler, limit: int) -> Iterator[Block]:
    start = block.start
    while start < block.end:
        end = ruler.cut(start, block.end, limit)
        left, right = _strip(ruler.text, start, end)
        if left < right:
            yield replace(block, start=left, end=right)
        start = end


def _pieces(text: str, start: int, end: int, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Spans between the pattern's matches; the match belongs to the piece before it."""
    begin = start
    for match in pattern.finditer(text, start, end):
        if pattern is _SENTENCE and _ABBREVIATION.search(text, max(begin, match.start() - 8), match.start()):
            continue
        left, right = _strip(text, begin, match.end())
        if left < right:
            yield left, right
        begin = match.end()
    left, right = _strip(text, begin, end)
    if left < right:
        yield left, right


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _pack(units: Sequence[Block], ruler: _Ruler, sizes: Sizes) -> Iterator[list[Block]]:
    """Fill chunks with consecutive units. Pages never mix; a heading ends a chunk unless that is short."""
    group: list[Block] = []
    for unit in units:
        if group and (unit.page != group[0].page or _begins(group, unit, ruler, sizes)):
            yield group
            group = []
        elif group and not _fits(group, unit, ruler, sizes):
            carried = _carry(group, unit, ruler, sizes)
            if len(carried) < len(group):
                yield group if not _headings_only(carried) else group[: len(group) - len(carried)]
            group = carried
            if group and not _fits(group, unit, ruler, sizes):
                if _headings_only(group):
                    yield group
                group = []
        group.append(unit)
    if group:
        yield group


def _begins(group: list[Block], unit: Block, ruler: _Ruler, sizes: Sizes) -> bool:
    starts = unit.kind == "heading" or (unit.kind == "code" and unit.heading != group[-1].heading)
    if not starts or _headings_only(group):
        return False
    return ruler.size(group[0].start, group[-1].end) >= sizes.small


def _fits(group: list[Block], unit: Block, ruler: _Ruler, sizes: Sizes) -> bool:
    limit = sizes.most if _headings_only(group) else sizes.tokens
    return ruler.size(group[0].start, unit.end) <= limit


def _carry(group: list[Block], unit: Block, ruler: _Ruler, sizes: Sizes) -> list[Block]:
    """What the next chunk begins with: headings that would hang at the end, else the last sentences as overlap."""
    tail = len(group)
    while tail > 0 and group[tail - 1].kind == "heading":
        tail -= 1
    if tail < len(group):
        return group[tail:]
    while tail > 1 and group[tail - 1].kind == "text" and group[tail - 1].heading == unit.heading:
        if ruler.size(group[tail - 1].start, group[-1].end) > sizes.overlap:
            break
        if ruler.size(group[tail - 1].start, unit.end) > sizes.tokens:
            break
        tail -= 1
    return group[tail:]


def _headings_only(group: Sequence[Block]) -> bool:
    return bool(group) and all(block.kind == "heading" for block in group)


def _span(group: list[Block]) -> Block:
    """One span over a group, under the heading of its first block that is not one itself."""
    heading = next((block.heading for block in group if block.kind != "heading"), group[-1].heading)
    return Block(group[0].start, group[-1].end, group[0].kind, heading, group[0].page)
