"""Exact match: the answer is one of the targets, compared as SQuAD compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Need, Scorer, Tools, answers_of
from eval.scorers.said import said
from eval.squad import exact, normalise
from eval.target import Output


@dataclass(frozen=True)
class ExactMatch(Scorer):
    """1 where the answer equals a target after SQuAD's normalisation (`strict`: as it is, but for outer space)."""

    strict: bool = False

    name: ClassVar[str] = "exact_match"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """1.0 or 0.0."""
        answers = answers_of(sample)
        if self.strict:
            return Score(value=float(output.text.strip() in [answer.strip() for answer in answers]))
        text = said(output)
        return Score(value=exact(text, answers), metadata={"normalised": normalise(text)})
