"""Is an answer nearer to what an expert wrote than to the answer the expert corrected?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Need, Scorer, Tools, answers_of, mean
from eval.scorers.said import said
from eval.squad import f1
from eval.target import Output


@dataclass(frozen=True)
class Nearer(Scorer):
    """1 where the F1 with a target is above the F1 with every text of the metadata's `corrected`, else 0.

    A model that gave the corrected answer shares many words with the better one where that is a shorter version of it;
    F1 alone then hardly tells it from a model that answers as the expert wants in words of its own.
    """

    name: ClassVar[str] = "nearer"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """A sample without a corrected answer counts for nothing."""
        corrected, text = _corrected(sample), said(output)
        if not corrected:
            return Score(value=0.0, explanation="No answer was corrected.")
        wanted, before = f1(text, answers_of(sample)), f1(text, corrected)
        value = float(wanted > before)
        return Score(value=value, metadata={"nearer": value, "wanted": wanted, "before": before})

    def failure(self, sample: Sample) -> Score:
        """Nothing was said."""
        return Score(value=0.0, explanation="The target failed.", metadata={"nearer": 0.0})

    def metrics(self) -> tuple[Metric, ...]:
        """`nearer`, a share."""
        return (mean("nearer", "nearer"),)


def _corrected(sample: Sample) -> list[str]:
    return [str(text) for text in sample.metadata.get("corrected") or []]
