"""Retrieval: is the evidence among the first passages, and how far up?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Scorer, Tools, mean
from eval.scorers.gold import gold_of, matches
from eval.target import Output


@dataclass(frozen=True)
class Retrieval(Scorer):
    """Looks for the sample's evidence in what was found, whole passages at a time."""

    ks: tuple[int, ...] = (1, 5)
    gold: str = "evidence"

    name: ClassVar[str] = "retrieval"

    def applies(self, sample: Sample) -> bool:
        """Where evidence is named."""
        return bool(gold_of(sample, self.gold))

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The value is the reciprocal rank of the first passage with evidence."""
        table = matches([passage.text for passage in output.passages], gold_of(sample, self.gold))
        ranks = [rank for rank, row in enumerate(table, 1) if any(row)]
        found = {f"hit_at_{k}": float(bool(ranks) and ranks[0] <= k) for k in self.ks}
        found |= {f"recall_at_{k}": _recall(table[:k], len(gold_of(sample, self.gold))) for k in self.ks}
        return Score(value=1 / ranks[0] if ranks else 0.0, metadata={**found, "rank": ranks[0] if ranks else None})

    def failure(self, sample: Sample) -> Score:
        """Nothing was found."""
        names = [f"{kind}_at_{k}" for kind in ("hit", "recall") for k in self.ks]
        return Score(value=0.0, explanation="The target failed.", metadata=dict.fromkeys(names, 0.0))

    def metrics(self) -> tuple[Metric, ...]:
        """`mrr`, and `hit_at_K` and `recall_at_K` for each K."""
        return (mean("mrr"), *(mean(f"{kind}_at_{k}", f"{kind}_at_{k}") for k in self.ks for kind in ("hit", "recall")))


def _recall(table: list[list[bool]], golds: int) -> float:
    return sum(any(column) for column in zip(*table, strict=True)) / golds if table else 0.0
