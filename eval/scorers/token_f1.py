"""Token F1 with SQuAD's normalisation: how many words answer and target share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Need, Scorer, Tools, answers_of, mean
from eval.scorers.said import said
from eval.squad import f1, recall
from eval.target import Output


@dataclass(frozen=True)
class TokenF1(Scorer):
    """The best F1 of shared words against any target, and the best recall: a full sentence has all words but more."""

    name: ClassVar[str] = "f1"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """F1 in 0–1; `recall` in the metadata."""
        answers, text = answers_of(sample), said(output)
        return Score(value=f1(text, answers), metadata={"recall": recall(text, answers)})

    def failure(self, sample: Sample) -> Score:
        """Nothing was said."""
        return Score(value=0.0, explanation="The target failed.", metadata={"recall": 0.0})

    def metrics(self) -> tuple[Metric, ...]:
        """`f1` and `token_recall`."""
        return (mean("f1"), mean("token_recall", "recall"))
