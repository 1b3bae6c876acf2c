"""Corpus chrF2: character n-grams up to six, as `sacrebleu` computes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eval.sample import Sample, Score
from eval.scorers.base import Floats, Metric, Need, Scorer, Tools, answers_of
from eval.scorers.said import said
from eval.target import Output

_ORDER, _BETA = 6, 2.0


@dataclass(frozen=True)
class Chrf(Scorer):
    """The F2 of shared character n-grams, averaged over n, 0–1; of several targets the best counts."""

    name: ClassVar[str] = "chrf"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The value is the sentence's chrF2; the counts for the corpus's are in the metadata."""
        each = [_statistics(said(output), answer) for answer in answers_of(sample) or [""]]
        values = [float(corpus_chrf(np.array(numbers, dtype=float))) for numbers in each]
        best = int(np.argmax(values))
        return Score(value=values[best], metadata={"counts": each[best]})

    def failure(self, sample: Sample) -> Score:
        """An empty answer: the target's n-grams stay in the corpus's recall."""
        return self.score(sample, Output(), Tools())

    def metrics(self) -> tuple[Metric, ...]:
        """`chrf`, of the corpus."""
        return (Metric("chrf", _counts, corpus_chrf),)


def _statistics(text: str, reference: str) -> list[int]:
    """Written, wanted and shared n-grams, for n from 1 to 6."""
    numbers: list[int] = []
    for order in range(1, _ORDER + 1):
        written, wanted = _grams(text, order), _grams(reference, order)
        numbers += [written.total(), wanted.total(), (written & wanted).total()]
    return numbers


def _grams(text: str, order: int) -> Counter[str]:
    squeezed = "".join(text.split())
    return Counter(squeezed[at : at + order] for at in range(len(squeezed) - order + 1))


def _counts(scores: Sequence[Score]) -> Floats:
    return np.array([score.metadata["counts"] for score in scores], dtype=float).reshape(-1, 3 * _ORDER)


def corpus_chrf(sums: Floats) -> Floats:
    """The chrF2 (0–1) from summed counts; orders for which either side has no n-gram are left out."""
    table = sums.reshape(*sums.shape[:-1], _ORDER, 3)
    written, wanted, shared = table[..., 0], table[..., 1], table[..., 2]
    there = (written > 0) & (wanted > 0)
    orders = np.maximum(there.sum(axis=-1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(there, shared / written, 0.0).sum(axis=-1) / orders
        recall = np.where(there, shared / wanted, 0.0).sum(axis=-1) / orders
        value = (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)
    return np.asarray(np.nan_to_num(value), dtype=float)
