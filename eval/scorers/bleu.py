"""Corpus BLEU by `sacrebleu`: its counts are summed over samples, so that intervals are of the corpus figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from eval.sample import Sample, Score
from eval.scorers.base import Floats, Metric, Need, Scorer, Tools, answers_of
from eval.scorers.said import said
from eval.target import Output

_ORDER = 4


@dataclass(frozen=True)
class Bleu(Scorer):
    """BLEU with sacrebleu's tokenisation (13a) and smoothing (exp), 0–1 instead of 0–100."""

    lowercase: bool = False

    name: ClassVar[str] = "bleu"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})
    requires: ClassVar[tuple[str, ...]] = ("sacrebleu",)

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The value is the sentence's BLEU; the counts for the corpus's are in the metadata."""
        answers = answers_of(sample) or [""]
        found = _bleu(self.lowercase).sentence_score(said(output), answers)
        counts = [found.sys_len, found.ref_len, *found.counts, *found.totals]
        return Score(value=found.score / 100, metadata={"counts": [int(number) for number in counts]})

    def failure(self, sample: Sample) -> Score:
        """An empty sentence: it shortens the corpus, which costs by the brevity penalty."""
        return self.score(sample, Output(), Tools())

    def metrics(self) -> tuple[Metric, ...]:
        """`bleu`, of the corpus."""
        return (Metric("bleu", _counts, corpus_bleu),)


@cache
def _bleu(lowercase: bool) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(lowercase=lowercase, effective_order=True)


def _counts(scores: Sequence[Score]) -> Floats:
    return np.array([score.metadata["counts"] for score in scores], dtype=float).reshape(-1, 2 + 2 * _ORDER)


def corpus_bleu(sums: Floats) -> Floats:
    """BLEU (0–1) from `sys_len, ref_len, correct 1…4, total 1…4`, smoothed as sacrebleu does by default."""
    written, wanted = sums[..., 0], sums[..., 1]
    correct, total = sums[..., 2 : 2 + _ORDER], sums[..., 2 + _ORDER :]
    zeros = np.cumsum(correct == 0, axis=-1)  # the k-th order without a match counts as 1 / 2^k matches
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(correct == 0, 1 / (2.0**zeros * total), correct / total)
        brevity = np.where(written < wanted, np.exp(1 - wanted / written), 1.0)
        value = brevity * np.exp(np.mean(np.log(precision), axis=-1))
    return np.asarray(np.where((correct[..., 0] == 0) | (total[..., -1] == 0), 0.0, value), dtype=float)
