"""ROUGE-1, ROUGE-2 and ROUGE-L by Google's `rouge_score`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Need, Scorer, Tools, answers_of, mean
from eval.scorers.said import said
from eval.target import Output

_KINDS = ("rouge1", "rouge2", "rougeL")


@dataclass(frozen=True)
class Rouge(Scorer):
    """F-measures of shared words, word pairs and the longest common subsequence; of several targets the best counts."""

    stemmer: bool = True

    name: ClassVar[str] = "rouge"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})
    requires: ClassVar[tuple[str, ...]] = ("rouge_score",)

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The value is ROUGE-L; all three in the metadata."""
        rouge, text = _rouge(self.stemmer), said(output)
        each = [rouge.score(answer, text) for answer in answers_of(sample) or [""]]
        best = {kind: max(float(found[kind].fmeasure) for found in each) for kind in _KINDS}
        return Score(value=best["rougeL"], metadata=best)

    def failure(self, sample: Sample) -> Score:
        """Nothing is shared."""
        return Score(value=0.0, explanation="The target failed.", metadata=dict.fromkeys(_KINDS, 0.0))

    def metrics(self) -> tuple[Metric, ...]:
        """`rouge1`, `rouge2`, `rougeL`."""
        return tuple(mean(kind, kind) for kind in _KINDS)


@cache
def _rouge(stemmer: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(_KINDS), use_stemmer=stemmer)
