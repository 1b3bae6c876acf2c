"""The router's model: one calibrated logistic curve for each path, over plain measures and a few directions of the
question's embedding. Plain JSON on disk, numpy to use it, well under a millisecond a question."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from graphs.answer import Expected
from graphs.answer import Path as AnswerPath
from graphs.seen import NAMES

Array = NDArray[np.float64]
FILE = "router.json"
_LOWEST, _HIGHEST = 0.005, 0.995
"""No chance is surer than what the data can show."""
_LEAST = 10
_SPREAD = 0.5


@dataclass(frozen=True)
class Head:
    """The logistic curve of one path."""

    weights: Array
    bias: float
    slope: float
    """Platt's calibration: the chance is the logistic of `slope * (weights · x + bias) + shift`."""
    shift: float


@dataclass(frozen=True)
class RouterModel:
    """What was learned of every path, and of which chat model."""

    model: str
    """The chat model whose paths these chances are of."""
    mean: Array
    scale: Array
    directions: Array
    """(k, dimensions): the directions of the embedding that are looked at; k may be 0."""
    heads: dict[AnswerPath, Head]
    expected: dict[AnswerPath, Expected]
    """What each path took when its outcomes were collected."""
    own_words: float | None = None
    """How often the model's own words stood in its answers from documents, 0–1; None where that was not measured."""

    def chances(self, seen: Mapping[str, float], vector: Sequence[float]) -> dict[AnswerPath, float]:
        """The chance of each learned path to answer well, 0–1. A vector of another length is left out."""
        measures = self.measures(seen, vector)
        return {path: round(_chance(head, measures), 4) for path, head in self.heads.items()}

    def shifted(self, outcomes: Mapping[AnswerPath, Sequence[tuple[float, bool]]]) -> RouterModel:
        """The same curves, each moved up or down by what a home's own outcomes say: (the chance it gave, right or not).

        One number a path, held near 0 by a normal prior of deviation 0.5 on log-odds; a path with fewer than ten
        outcomes stays as it is. It is calibration in the large (Cox, 1958), not a new curve.
        """
        moved = {path: _shift(found) for path, found in outcomes.items() if path in self.heads and len(found) >= _LEAST}
        heads = {
            path: replace(head, shift=head.shift + moved[path]) if path in moved else head
            for path, head in self.heads.items()
        }
        return replace(self, heads=heads)

    def measures(self, seen: Mapping[str, float], vector: Sequence[float]) -> Array:
        """The standardised input of every curve."""
        plain = np.array([seen.get(name, 0.0) for name in NAMES])
        fits = len(self.directions) and len(vector) == self.directions.shape[1]
        turned = self.directions @ np.asarray(vector) if fits else self.mean[len(NAMES) :]
        measures: Array = (np.concatenate([plain, turned]) - self.mean) / self.scale
        return measures

    def save(self, folder: Path) -> None:
        """Write `router.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        value = {
            "model": self.model, "measures": list(NAMES), "mean": _short(self.mean), "scale": _short(self.scale),
            "directions": [_short(row) for row in self.directions],
            "heads": {path: {"weights": _short(head.weights), "bias": round(head.bias, 5),
                             "slope": round(head.slope, 5), "shift": round(head.shift, 5)}
                      for path, head in self.heads.items()},
            "expected": {path: value.model_dump() for path, value in self.expected.items()},
            "own_words": self.own_words,
        }  # fmt: skip
        (folder / FILE).write_text(json.dumps(value) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> RouterModel:
        """Read it. Raises `ValueError` where it was made for other measures or is damaged, `OSError` without a file."""
        raw = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if tuple(raw.get("measures", ())) != NAMES:
            raise ValueError(f"{folder / FILE} was trained on other measures than the code takes. Train it again.")
        heads = {path: Head(np.array(one["weights"]), one["bias"], one["slope"], one["shift"])
                 for path, one in raw["heads"].items()}  # fmt: skip
        directions = np.array(raw["directions"]) if raw["directions"] else np.zeros((0, 0))
        expected = {path: Expected(**value) for path, value in raw["expected"].items()}
        shape = (np.array(raw["mean"]), np.array(raw["scale"]), directions)
        return cls(raw["model"], *shape, heads, expected, raw.get("own_words"))


def _short(values: Array) -> list[float]:
    return [round(float(value), 5) for value in values]


def _chance(head: Head, measures: Array) -> float:
    total = head.slope * float(head.weights @ measures + head.bias) + head.shift
    return float(np.clip(1 / (1 + np.exp(-total)), _LOWEST, _HIGHEST))


def _shift(outcomes: Sequence[tuple[float, bool]]) -> float:
    """The move of log-odds that fits outcomes best, by Newton's method."""
    chances = np.clip([chance for chance, _ in outcomes], _LOWEST, _HIGHEST)
    odds, right = np.log(chances / (1 - chances)), np.array([float(good) for _, good in outcomes])
    move = 0.0
    for _ in range(25):
        now = 1 / (1 + np.exp(-(odds + move)))
        step = (float((right - now).sum()) - move / _SPREAD**2) / (float((now * (1 - now)).sum()) + 1 / _SPREAD**2)
        move += step
        if abs(step) < 1e-9:
            break
    return move


def fit_logistic(inputs: Array, targets: Array, strength: float, rounds: int = 50) -> tuple[Array, float]:
    """Weights and bias of a logistic curve with an L2 penalty of `strength` on the weights, by Newton's method.

    `inputs` (n, d), `targets` (n) in 0–1.
    """
    wide = np.hstack([inputs, np.ones((len(inputs), 1))])
    penalty = np.diag([strength] * inputs.shape[1] + [1e-3])
    weights = np.zeros(wide.shape[1])
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-np.clip(wide @ weights, -30, 30)))
        slope = wide.T @ (chance - targets) + penalty @ weights
        curve = (wide * (chance * (1 - chance))[:, None]).T @ wide + penalty
        move = np.linalg.solve(curve, slope)
        weights = weights - move
        if np.abs(move).max() < 1e-6:
            break
    return cast(Array, weights[:-1]), float(weights[-1])


def as_json(model: RouterModel) -> dict[str, Any]:
    """What a person may want to read of a model: its paths, and what weighs most in each."""
    told: dict[str, Any] = {}
    for path, head in model.heads.items():
        order = np.argsort(-np.abs(head.weights[: len(NAMES)]))[:5]
        told[path] = {NAMES[index]: round(float(head.weights[index]), 3) for index in order}
    return told
