"""Citation precision and recall against the evidence a sample names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Need, Scorer, Tools, ratio
from eval.scorers.gold import gold_of, matches
from eval.target import Output


@dataclass(frozen=True)
class Citations(Scorer):
    """Which citations are of the evidence, and which evidence is cited. Applies to samples that name some."""

    gold: str = "evidence"
    """The field of `metadata` that holds the evidence: a text, or a list of texts."""

    name: ClassVar[str] = "citations"
    needs: ClassVar[frozenset[Need]] = frozenset({"answer"})

    def applies(self, sample: Sample) -> bool:
        """Where evidence is named."""
        return bool(gold_of(sample, self.gold))

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The value is the recall; `right`, `cited`, `found` and `gold` count citations and evidence."""
        golds = gold_of(sample, self.gold)
        cited = [citation.snippet for citation in output.answer.citations] if output.answer else []
        table = matches(cited, golds)
        right, found = sum(any(row) for row in table), sum(any(column) for column in zip(*table, strict=True))
        counts = {"right": right, "cited": len(cited), "found": found, "gold": len(golds)}
        return Score(value=found / len(golds), metadata=counts)

    def failure(self, sample: Sample) -> Score:
        """Nothing is cited, and that counts as one wrong citation: failing must not raise the precision."""
        counts = {"right": 0, "cited": 1, "found": 0, "gold": len(gold_of(sample, self.gold))}
        return Score(value=0.0, explanation="The target failed.", metadata=counts)

    def metrics(self) -> tuple[Metric, ...]:
        """`citation_precision` and `citation_recall`, over all citations and all evidence."""
        return ratio("citation_precision", "right", "cited"), ratio("citation_recall", "found", "gold")
