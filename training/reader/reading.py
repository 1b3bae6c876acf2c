"""How the reader reads: windows of a passage, the best span in one, one chance from two signals. Needs numpy only.

Shared by the report on a run and by the application, so that both read alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLS, SEP = 101, 102
LONGEST_SPAN = 30
"""Tokens of the longest answer."""


@dataclass(frozen=True)
class Piece:
    """A question with as much of a passage as fits."""

    ids: list[int]
    lead: int
    """Tokens before the passage: [CLS] question [SEP]."""
    first: int
    """Which token of the passage the piece begins with."""


@dataclass(frozen=True)
class Found:
    """The best span of a piece, in tokens of the passage, and how sure the reader is."""

    start: int
    end: int
    """The last token, included."""
    span: float
    """Log-probability of the span among all of the piece."""
    judged: float
    """The answerability head's logit."""
    score: float = 0.0
    """The span's own logits, start and end."""


@dataclass(frozen=True)
class Calibration:
    """Turns the signals into a chance: logistic weights fitted on development rows; 0.5 is the default bar."""

    judged: float = 1.0
    span: float = 0.0
    bias: float = 0.0
    words: tuple[float, ...] = ()
    """One weight for each of `training.reader.looks.LOOKS`; empty where nothing is looked at."""

    def chance(self, found: Found, looks: Sequence[float] = ()) -> float:
        """The chance that the piece answers the question."""
        total = self.judged * found.judged + self.span * found.span + self.bias
        total += sum(weight * look for weight, look in zip(self.words, looks, strict=False))
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))


def cut(
    question: Sequence[int], passage: Sequence[int], max_tokens: int, overlap: int, most_question: int
) -> list[Piece]:
    """Pieces that cover the passage, each overlapping the one before by `overlap` tokens."""
    head = [CLS, *question[:most_question], SEP]
    room = max_tokens - len(head) - 1
    starts = list(range(0, max(1, len(passage) - overlap), room - overlap)) if len(passage) > room else [0]
    if len(passage) > room:
        starts = [start for start in starts if start < len(passage) - room] + [len(passage) - room]
    return [Piece([*head, *passage[start : start + room], SEP], len(head), start) for start in starts]


def pad(pieces: Sequence[Piece]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Token ids, mask and types, int64 (pieces, longest); types are 1 on passage tokens."""
    longest = max(len(piece.ids) for piece in pieces)
    ids = np.zeros((len(pieces), longest), dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for line, piece in enumerate(pieces):
        size = len(piece.ids)
        ids[line, :size] = piece.ids
        mask[line, :size] = 1
        types[line, piece.lead : size - 1] = 1
    return ids, mask, types


def best_span(piece: Piece, start: NDArray[Any], end: NDArray[Any], judged: float) -> Found:
    """The likeliest span of at most `LONGEST_SPAN` tokens inside the passage part; logits are one line's."""
    low, high = piece.lead, len(piece.ids) - 1
    if high <= low:
        return Found(piece.first, piece.first - 1, -60.0, judged)
    starts, ends = _log_softmax(start[low:high]), _log_softmax(end[low:high])
    best = (-math.inf, 0, 0)
    for width in range(min(LONGEST_SPAN, len(starts))):
        totals = starts[: len(starts) - width] + ends[width:]
        place = int(totals.argmax())
        best = max(best, (float(totals[place]), place, place + width))
    score = float(start[low + best[1]] + end[low + best[2]])
    return Found(piece.first + best[1], piece.first + best[2], best[0], judged, score)


def _log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max()
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return result
