"""How good a detector of hallucinations is: balanced accuracy, and how far its chances are off (ECE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eval.sample import Sample, Score
from eval.scorers.base import Floats, Metric, Need, Scorer, Tools
from eval.target import Output

_BINS = 10


@dataclass(frozen=True)
class Detection(Scorer):
    """Compares a grounding with a label (`metadata[field]`: 1 where the text is not supported)."""

    field: str = "label"
    threshold: float = 0.5

    name: ClassVar[str] = "detection"
    needs: ClassVar[frozenset[Need]] = frozenset()

    def applies(self, sample: Sample) -> bool:
        """Where there is a label."""
        return sample.metadata.get(self.field) is not None

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """1.0 where the decision was right; `chance` is that of being supported."""
        chance = output.grounding.score if output.grounding else 0.0
        return self._judged(sample, chance, chance >= self.threshold)

    def failure(self, sample: Sample) -> Score:
        """Wrong, and sure of it."""
        supported = not int(sample.metadata[self.field])
        found = self._judged(sample, 0.0 if supported else 1.0, not supported)
        return found.model_copy(update={"explanation": "The target failed."})

    def metrics(self) -> tuple[Metric, ...]:
        """`balanced_accuracy` and `ece` (ten bins of equal width)."""
        return (
            Metric("balanced_accuracy", _sides, _balanced),
            Metric("ece", _bins, _calibration, better="lower"),
        )

    def _judged(self, sample: Sample, chance: float, says: bool) -> Score:
        supported = not int(sample.metadata[self.field])
        return Score(value=float(says == supported), metadata={"chance": chance, "supported": supported})


def _sides(scores: Sequence[Score]) -> Floats:
    rows = []
    for score in scores:
        supported = float(score.metadata["supported"])
        rows.append([score.value * supported, supported, score.value * (1 - supported), 1 - supported])
    return np.array(rows, dtype=float).reshape(-1, 4)


def _balanced(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((sums[..., 0] / sums[..., 1] + sums[..., 2] / sums[..., 3]) / 2, dtype=float)


def _bins(scores: Sequence[Score]) -> Floats:
    table = np.zeros((len(scores), _BINS, 3))
    for row, score in enumerate(scores):
        chance = float(score.metadata["chance"])
        table[row, min(int(chance * _BINS), _BINS - 1)] = (chance, float(score.metadata["supported"]), 1.0)
    return table.reshape(len(scores), 3 * _BINS)


def _calibration(sums: Floats) -> Floats:
    table = sums.reshape(*sums.shape[:-1], _BINS, 3)
    gaps = np.abs(table[..., 0] - table[..., 1]).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(gaps / table[..., 2].sum(axis=-1), dtype=float)
