"""How far graders agree, and how far a judge may stand in for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from graphs.errors import UsageError

Level = Literal["ordinal", "nominal", "interval"]
Ratings = Mapping[str, Mapping[str, float]]
"""Grader → item → number."""


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha with its 95 % bootstrap interval; NaN where too little was rated twice."""

    alpha: float
    low: float
    high: float
    items: int
    """Items that at least two graders rated."""


def agreement(ratings: Ratings, level: Level = "ordinal", draws: int = 400, seed: int = 0) -> Agreement:
    """Krippendorff's alpha of one criterion; `level` is `ordinal`, `nominal` or `interval`. Items are redrawn.

    Source: Krippendorff, Content Analysis (2004), computed by the package `krippendorff`. Raises `UsageError` for
    another level.
    """
    if level not in get_args(Level):
        raise UsageError(f"Agreement has no level {level!r}.", "Use ordinal, nominal or interval.")
    table = _table(ratings)
    twice = table[:, (~np.isnan(table)).sum(0) >= 2]
    if twice.shape[1] < 2:
        return Agreement(float("nan"), float("nan"), float("nan"), int(twice.shape[1]))
    random = np.random.default_rng(seed)
    columns = twice.shape[1]
    redrawn = [_alpha(twice[:, random.integers(0, columns, columns)], level) for _ in range(draws)]
    low, high = np.nanpercentile(redrawn, [2.5, 97.5])
    return Agreement(_alpha(twice, level), float(low), float(high), columns)


def of_each(ratings: Ratings, level: Level = "ordinal") -> dict[str, float]:
    """Each grader's alpha against the mean of the others on what both rated; NaN where that is fewer than two items."""
    found = {}
    for grader, own in ratings.items():
        others = {item: _mean_of_others(ratings, grader, item) for item in own}
        shared = {item: value for item, value in others.items() if not np.isnan(value)}
        pair = {"one": {item: own[item] for item in shared}, "rest": {k: float(round(v)) for k, v in shared.items()}}
        found[grader] = _alpha(_table(pair), level) if len(shared) >= 2 else float("nan")
    return found


def _mean_of_others(ratings: Ratings, grader: str, item: str) -> float:
    values = [given[item] for name, given in ratings.items() if name != grader and item in given]
    return float(np.mean(values)) if values else float("nan")


def _table(ratings: Ratings) -> NDArray[np.float64]:
    """Graders × items, NaN where nothing was said."""
    items = sorted({item for given in ratings.values() for item in given})
    rows = [[given.get(item, np.nan) for item in items] for given in ratings.values()]
    return np.array(rows, dtype=np.float64).reshape(len(ratings), len(items))


def _alpha(table: NDArray[np.float64], level: Level) -> float:
    import krippendorff

    seen = table[~np.isnan(table)]
    if len(np.unique(seen)) < 2:
        return 1.0 if len(seen) else float("nan")  # everyone said the same of everything
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement=level))


@dataclass(frozen=True)
class Strength:
    """How one side fares in blind comparisons: the chance to beat an average side, with its interval."""

    name: str
    chance: float
    low: float
    high: float
    comparisons: int


def bradley_terry(wins: Sequence[tuple[str, str, float]], draws: int = 400, seed: int = 0) -> list[Strength]:
    """Strengths from (one side, other side, share won by the first: 1, 0, or 0.5 for a tie), the strongest first.

    Source: Bradley and Terry (1952), fitted by Hunter's MM algorithm (2004) with half a win and half a loss against an
    average side added, so that a side that never lost stays finite. Intervals redraw comparisons.
    """
    names = sorted({name for first, second, _ in wins for name in (first, second)})
    if not names:
        return []
    place = {name: number for number, name in enumerate(names)}
    rows = np.array([(place[first], place[second], share) for first, second, share in wins], dtype=np.float64)
    random = np.random.default_rng(seed)
    redrawn = np.array([_fit(rows[random.integers(0, len(rows), len(rows))], len(names)) for _ in range(draws)])
    lows, highs = np.percentile(redrawn, [2.5, 97.5], axis=0)
    fitted = _fit(rows, len(names))
    seen = [int((rows[:, :2] == number).any(1).sum()) for number in range(len(names))]
    found = [Strength(name, float(fitted[n]), float(lows[n]), float(highs[n]), seen[n]) for n, name in enumerate(names)]
    return sorted(found, key=lambda one: -one.chance)


def _fit(rows: NDArray[np.float64], count: int, rounds: int = 200) -> NDArray[np.float64]:
    """Chance of each side to beat a side of strength 1."""
    won = np.full(count, 0.5)
    games = np.zeros((count, count))
    for first, second, share in rows:
        one, other = int(first), int(second)
        won[one] += share
        won[other] += 1 - share
        games[one, other] += 1
        games[other, one] += 1
    strength = np.ones(count)
    for _ in range(rounds):
        pairs = games / (strength[:, None] + strength[None, :])
        strength = won / (pairs.sum(1) + 1 / (strength + 1))
    return np.asarray(strength / (strength + 1))
