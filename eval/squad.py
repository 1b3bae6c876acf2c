"""SQuAD 2.0's measures: normalised exact match and F1, and the trade between answering and refusing.

Normalisation follows the official evaluation script: lower case, no punctuation, no articles, single spaces.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """`text` as SQuAD compares it."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact(predicted: str, answers: Sequence[str]) -> float:
    """1.0 where the prediction equals one of the answers; no answers means that nothing is the right answer."""
    return max(float(normalise(predicted) == normalise(answer)) for answer in (answers or [""]))


def f1(predicted: str, answers: Sequence[str]) -> float:
    """The best token F1 (0–1) against any answer; no answers means that nothing is the right answer."""
    return max(_pair_f1(normalise(predicted).split(), normalise(answer).split()) for answer in (answers or [""]))


def recall(predicted: str, answers: Sequence[str]) -> float:
    """The best share (0–1) of an answer's words that the prediction has; no answers as in `f1`."""
    return max(_pair_recall(normalise(predicted).split(), normalise(answer).split()) for answer in (answers or [""]))


def _pair_recall(predicted: list[str], answer: list[str]) -> float:
    if not answer:
        return float(not predicted)
    return sum((Counter(predicted) & Counter(answer)).values()) / len(answer)


def _pair_f1(predicted: list[str], answer: list[str]) -> float:
    if not predicted or not answer:
        return float(predicted == answer)
    common = sum((Counter(predicted) & Counter(answer)).values())
    if not common:
        return 0.0
    precision, recall = common / len(predicted), common / len(answer)
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True)
class Judged:
    """One question read: the reader's best span, how sure it is of an answer, and what is right."""

    text: str
    answerable: float
    answers: tuple[str, ...]
    """Empty where the question is impossible."""
    group: str = ""
    """What rows share by chance, such as the passage: intervals draw whole groups."""


@dataclass(frozen=True)
class Figures:
    """Percentages over a set of judged questions at one threshold."""

    f1: float
    exact: float
    answerable_f1: float
    kept: float
    """Share of the answerable questions that were answered at all."""
    refused: float
    """Share of the impossible questions that were refused."""
    n: int
    impossible: int


def figures(rows: Sequence[Judged], threshold: float) -> Figures:
    """The measures where a question is refused below `threshold`. Raises `ValueError` on no rows."""
    if not rows:
        raise ValueError("No rows to judge: 0 given, at least 1 needed.")
    texts = [row.text if row.answerable >= threshold else "" for row in rows]
    scores = [f1(text, row.answers) for text, row in zip(texts, rows, strict=True)]
    exacts = [exact(text, row.answers) for text, row in zip(texts, rows, strict=True)]
    yes = [index for index, row in enumerate(rows) if row.answers]
    no = [index for index, row in enumerate(rows) if not row.answers]
    return Figures(
        f1=_percent(scores),
        exact=_percent(exacts),
        answerable_f1=_percent([scores[index] for index in yes]),
        kept=_percent([float(rows[index].answerable >= threshold) for index in yes]),
        refused=_percent([float(rows[index].answerable < threshold) for index in no]),
        n=len(rows),
        impossible=len(no),
    )


def _percent(values: Sequence[float]) -> float:
    return 100.0 * float(np.mean(values)) if values else float("nan")


def best_threshold(rows: Sequence[Judged], slack: float = 0.0) -> float:
    """The threshold with the highest overall F1 on `rows`, between two chances; report the figures on other rows.

    With `slack`, in points of F1, the lowest one that is at most so much worse: overall F1 is nearly flat around its
    highest point, and along that plain a lower threshold answers more.
    """
    chances = sorted({row.answerable for row in rows})
    candidates = [0.0, *((low + high) / 2 for low, high in pairwise(chances)), 1.01]
    gains = [(f1(row.text, row.answers), f1("", row.answers), row.answerable) for row in rows]

    def total(threshold: float) -> float:
        return sum(answered if chance >= threshold else refused for answered, refused, chance in gains)

    sums = {threshold: total(threshold) for threshold in candidates}
    enough = max(sums.values()) - slack / 100 * len(rows)
    return min(threshold for threshold, found in sums.items() if found >= enough)


def curve(rows: Sequence[Judged], steps: int = 20) -> list[dict[str, float]]:
    """Kept and refused shares with overall F1 at thresholds 0 … 1 in even steps."""
    points = []
    for threshold in np.linspace(0, 1, steps + 1):
        at = figures(rows, float(threshold))
        points.append({"threshold": round(float(threshold), 4), "kept": at.kept, "refused": at.refused, "f1": at.f1})
    return points


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Chance that a positive scores above a negative (ties count half); nan where one side is empty."""
    if not len(positive) or not len(negative):
        return float("nan")
    values = np.concatenate([np.asarray(positive, float), np.asarray(negative, float)])
    ranks = _mean_ranks(values)[: len(positive)]
    wins = ranks.sum() - len(positive) * (len(positive) + 1) / 2
    return float(wins / (len(positive) * len(negative)))


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: NDArray[np.float64] = (last - (counts - 1) / 2.0)[inverse]
    return mean
