"""Classification: accuracy and macro-F1 over the labels of the data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eval.sample import Sample, Score
from eval.scorers.base import Floats, Metric, Need, Scorer, Tools, answers_of, mean
from eval.target import Output


@dataclass(frozen=True)
class Classification(Scorer):
    """Whether the label is right. With several targets each of them is right, and the first is the sample's class.

    With `labels`, an answer that is no label counts as the one it names, where it names exactly one.
    """

    labels: tuple[str, ...] = ()

    name: ClassVar[str] = "classification"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """1.0 or 0.0; `gold` and `predicted` in the metadata."""
        answers, predicted = answers_of(sample), self._label(output.text)
        right = _plain(predicted) in [_plain(answer) for answer in answers]
        gold = answers[0] if answers else ""
        return Score(value=float(right), metadata={"gold": gold, "predicted": gold if right else predicted})

    def failure(self, sample: Sample) -> Score:
        """No label."""
        gold = (answers_of(sample) or [""])[0]
        return Score(value=0.0, explanation="The target failed.", metadata={"gold": gold, "predicted": ""})

    def metrics(self) -> tuple[Metric, ...]:
        """`accuracy` and `macro_f1`."""
        return mean("accuracy"), Metric("macro_f1", _confusion, _macro_f1)

    def _label(self, text: str) -> str:
        named = [label for label in self.labels if f" {_plain(label)} " in f" {_plain(text)} "]
        return named[0] if len(named) == 1 else text.strip()


def _plain(label: str) -> str:
    """The words of a label without case; `few_shot` and `Few shot.` are the same one."""
    return " ".join(re.findall(r"[^\W_]+", label.casefold()))


def _confusion(scores: Sequence[Score]) -> Floats:
    """For each class of the data: right, predicted, there."""
    classes = sorted({str(score.metadata["gold"]) for score in scores})
    gold = np.array([[score.metadata["gold"] == name for name in classes] for score in scores], dtype=float)
    predicted = np.array(
        [[_plain(str(score.metadata["predicted"])) == _plain(name) for name in classes] for score in scores],
        dtype=float,
    )
    return np.concatenate([gold * predicted, predicted, gold], axis=-1).reshape(len(scores), -1)


def _macro_f1(sums: Floats) -> Floats:
    right, predicted, there = np.split(sums, 3, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = 2 * right / (predicted + there)
    drawn = there > 0  # a class that a resample left out says nothing
    return np.asarray(np.where(drawn, each, 0.0).sum(axis=-1) / np.maximum(drawn.sum(axis=-1), 1), dtype=float)
