"""Columns of a PDF page whose file draws them line by line, so that pdfium reads across them.

Most files draw one column after the other, and nothing is done. Else the characters are put into reading order, one for
one: whoever looks for a place on the page asks `in_columns` again and takes the index it gives. Told from tables by
their cells, which are short.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_GAP = 12.0
"""Points between two columns at least: about three times the space between two words."""
_LINES = 4
_LETTERS, _WORDS = 24.0, 3.0
"""What a line of a column has on average, at least; cells of tables have less."""

Line = list[int]
"""Indices of characters on one line, in pdfium's order."""


@dataclass(frozen=True)
class _Halves:
    """A line cut at its first wide gap; `right` is empty where it has none. Edges in points."""

    left: Line
    right: Line
    ends: float
    begins: float


class _Page:
    """The characters of a page and where they stand."""

    def __init__(self, text_page: Any, text: str) -> None:
        self.text = text
        self.boxes = {at: text_page.get_charbox(at) for at, letter in enumerate(text) if not letter.isspace()}

    def halves(self, line: Line) -> _Halves:
        """The line cut at its first gap."""
        seen = [at for at in line if at in self.boxes]
        for one, two in itertools.pairwise(seen):
            ends, begins = self.boxes[one][2], self.boxes[two][0]
            if begins - ends >= _GAP:
                cut = line.index(two)
                return _Halves(line[:cut], line[cut:], ends, begins)
        ends = self.boxes[seen[-1]][2] if seen else 0.0
        return _Halves(line, [], ends, self.boxes[seen[0]][0] if seen else 0.0)

    def is_prose(self, lines: Sequence[Line]) -> bool:
        """Whether these are lines of running text."""
        texts = ["".join(self.text[at] for at in line).strip() for line in lines]
        letters = sum(map(len, texts)) / len(texts)
        return letters >= _LETTERS and sum(len(text.split()) for text in texts) / len(texts) >= _WORDS


def in_columns(text_page: Any, text: str) -> list[int] | None:
    """The indices of `text` in reading order; None where that is the order they have."""
    if not _may_have_columns(text_page):
        return None
    lines, start = list[Line](), 0
    for end in [at + 1 for at, letter in enumerate(text) if letter == "\n"] + [len(text)]:
        lines.append(list(range(start, end)))
        start = end
    order = _ordered(_Page(text_page, text), lines)
    return None if order == list(range(len(text))) else order


def reordered(text: str, order: Sequence[int]) -> str:
    """The text in that order, as many characters: the space between two columns becomes the end of a line."""
    letters = [text[at] for at in order]
    for place, (one, two) in enumerate(zip(order, [*order[1:], -1], strict=True)):
        if two != one + 1 and letters[place] == " ":
            letters[place] = "\n"
    return "".join(letters)


def _may_have_columns(text_page: Any) -> bool:
    """A cheap look at the rectangles of text: whether enough pairs stand side by side."""
    rects = [text_page.get_rect(at) for at in range(text_page.count_rects())]
    beside = sum(
        two[0] - one[2] >= _GAP and abs(two[1] - one[1]) < one[3] - one[1] for one, two in itertools.pairwise(rects)
    )
    return bool(beside >= _LINES)


def _ordered(page: _Page, lines: Sequence[Line]) -> list[int]:
    order: list[int] = []
    at = 0
    while at < len(lines):
        run = _run(page, lines[at:])
        if run:
            left, right = [half.left for half in run], [half.right for half in run if half.right]
            order += [*_ordered(page, left), *_ordered(page, right)]
        else:
            order += lines[at]
        at += max(1, len(run))
    return order


def _run(page: _Page, lines: Sequence[Line]) -> list[_Halves]:
    """The lines from the first on that stand in two columns; empty where they do not."""
    run: list[_Halves] = []
    low, high = 0.0, float("inf")
    for line in lines:
        half = page.halves(line)
        if half.right:
            if min(high, half.begins) - max(low, half.ends) < _GAP / 2:
                break
            low, high = max(low, half.ends), min(high, half.begins)
        elif not run or half.ends > high:  # no line of the left column alone
            break
        run.append(half)
    while run and not run[-1].right:
        run.pop()
    both = [half for half in run if half.right]
    columns = len(both) >= _LINES and all(
        page.is_prose(side) for side in ([half.left for half in both], [half.right for half in both])
    )
    return run if columns else []
