"""Numeric match: the number in the answer is the target's, within a tolerance."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from eval.sample import Sample, Score
from eval.scorers.base import Need, Scorer, Tools, answers_of
from eval.scorers.said import said
from eval.target import Output

_NUMBER = re.compile(r"(?<![\w.])[-−+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?")


def numbers(text: str) -> list[float]:
    """The numbers of a text in their order: `1,250.5`, `-3`, `6.02e23`; the 4 of `v4` is none."""
    found = [match.group().replace(",", "").replace("−", "-") for match in _NUMBER.finditer(text)]
    return [float(piece) for piece in found if any(letter.isdigit() for letter in piece)]


@dataclass(frozen=True)
class Numeric(Scorer):
    """1 where the last number of the answer (`which`: first, any) is the target's, the last number in it."""

    which: Literal["last", "first", "any"] = "last"
    relative: float = 1e-6
    absolute: float = 0.0

    name: ClassVar[str] = "numeric"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})

    def check(self, sample: Sample) -> str:
        """Whether a target has a number."""
        there = any(numbers(answer) for answer in answers_of(sample))
        return "" if there else f"the target {str(sample.target)[:60]!r} has no number"

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """1.0 or 0.0; the number read in the metadata."""
        given = numbers(said(output))
        read = given if self.which == "any" else given[:1] if self.which == "first" else given[-1:]
        wanted = [numbers(answer)[-1] for answer in answers_of(sample) if numbers(answer)]
        right = any(self._equal(one, other) for one in read for other in wanted)
        return Score(value=float(right), metadata={"read": read, "wanted": wanted})

    def _equal(self, one: float, other: float) -> bool:
        return math.isclose(one, other, rel_tol=self.relative, abs_tol=self.absolute)
