"""Intervals, paired tests and the smallest visible effect, for any metric that is a function of sums.

Rows that share something, such as a document or a repeated question, form a cluster; clusters are drawn, left out and
swapped whole. Sources: Clopper & Pearson (1934) for proportions; Efron (1987) for BCa, with the small-sample widening
of Hesterberg (2015); sign-flip (swap) tests as Dror et al. (2018) recommend them; Holm (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import comb
from typing import Any

import numpy as np

from eval.scorers.base import Floats, Metric

_DRAWS = 2000
_SWAPS = 4999
_EXACT = 11
"""Up to this many changed clusters every one of the 2^n swaps is tried."""
POWER = 0.8


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval and how that was had."""

    value: float
    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True)
class Comparison:
    """Two runs over the same samples, paired."""

    before: float
    after: float
    difference: float
    """`after - before`."""
    low: float
    high: float
    """95 % interval of the difference."""
    p_worse: float
    """Chance of a change for the worse at least this large if nothing had changed."""
    p_other: float
    """The same in both directions."""
    changed: int
    """Clusters that came out differently."""
    clusters: int
    visible: float
    """The smallest change for the worse this comparison would show with power 80 %; infinite where it can show none."""


def _special() -> Any:
    """SciPy's functions, imported when one is used: what comes from the cache needs none (nor `stats`: a second)."""
    from scipy import special

    return special


def cluster_sums(parts: Floats, groups: Sequence[str]) -> Floats:
    """The rows of `parts` (n × k) summed by group, groups in the order they first occur (c × k)."""
    order = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    sums = np.zeros((len(order), parts.shape[1] if parts.ndim == 2 else 0))
    np.add.at(sums, [order[group] for group in groups], parts)
    return sums


def contributing(parts: Floats, groups: Sequence[str], other: Floats | None = None) -> tuple[Floats, list[str]]:
    """The rows that add anything to the sums (of `parts` or of `other`), and their groups.

    A question that can be answered says nothing of how many others are refused: it must not count as a trial.
    """
    kept = np.any(parts != 0, axis=1) if len(parts) else np.zeros(0, dtype=bool)
    if other is not None and len(other):
        kept = kept | np.any(other != 0, axis=1)
    return parts[kept], [group for group, keep in zip(groups, kept, strict=True) if keep]


def interval(metric: Metric, parts: Floats, groups: Sequence[str], confidence: float = 0.95) -> Interval | None:
    """The metric and its interval; None where there is no row or no value."""
    parts, groups = contributing(parts, groups)
    if not len(parts):
        return None
    sums = cluster_sums(parts, groups)
    value = float(metric.combine(sums.sum(axis=0)))
    if math.isnan(value):
        return None
    if _is_proportion(parts) and len(sums) == len(parts):
        low, high = clopper_pearson(int(parts[:, 0].sum()), int(parts[:, 1].sum()), confidence)
        return Interval(value, low, high, "exact (Clopper-Pearson)")
    if len(sums) < 2:
        return Interval(value, metric.low, metric.high, "none: one group")
    found = _bca(metric, sums, value, confidence)
    if found is None:
        return Interval(value, *_no_spread(metric, value, len(sums), confidence), "exact bound: no spread")
    return Interval(
        value, *found, f"bootstrap (BCa) over {len(sums)} {'rows' if len(sums) == len(parts) else 'groups'}"
    )


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a proportion; (0, 1) for no trials."""
    if n == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(_special().betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(_special().betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high


def _is_proportion(parts: Floats) -> bool:
    return parts.shape[1] == 2 and bool(np.isin(parts, (0.0, 1.0)).all() and (parts[:, 0] <= parts[:, 1]).all())


def _bca(metric: Metric, sums: Floats, value: float, confidence: float) -> tuple[float, float] | None:
    """Bias-corrected accelerated bootstrap over clusters; None where no resample differs."""
    count = len(sums)
    drawn = metric.combine(_drawn_counts(count) @ sums)
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn) or np.ptp(drawn) < 1e-12:
        return None
    below = (np.sum(drawn < value) + 0.5 * np.sum(drawn == value)) / len(drawn)
    bias = float(_special().ndtri(np.clip(below, 1 / _DRAWS, 1 - 1 / _DRAWS)))
    left = _left_out(metric, sums)
    spread = left.mean() - left
    acceleration = float(np.sum(spread**3) / (6 * max(np.sum(spread**2), 1e-300) ** 1.5))
    quantile = float(_special().stdtrit(count - 1, (1 + confidence) / 2)) * math.sqrt(count / (count - 1))
    ends = [_corrected(bias, acceleration, sign * quantile) for sign in (-1, 1)]
    low, high = (float(end) for end in np.quantile(drawn, ends))
    return min(low, value), max(high, value)


@lru_cache(maxsize=4)
def _drawn_counts(count: int) -> Floats:
    """How often each of `count` clusters is drawn, one resample a row; the same ones every time."""
    drawn = np.random.default_rng(0).integers(0, count, size=(_DRAWS, count))
    drawn += np.arange(_DRAWS)[:, None] * count
    return np.bincount(drawn.ravel(), minlength=_DRAWS * count).reshape(_DRAWS, count).astype(float)


def _corrected(bias: float, acceleration: float, z: float) -> float:
    shifted = bias + z
    return float(_special().ndtr(bias + shifted / max(1 - acceleration * shifted, 0.1)))


def _left_out(metric: Metric, sums: Floats) -> Floats:
    """The metric without each cluster in turn; where that leaves nothing to divide by, the metric itself."""
    total = sums.sum(axis=0)
    left = metric.combine(total - sums)
    return np.where(np.isnan(left), float(metric.combine(total)), left)


def _no_spread(metric: Metric, value: float, count: int, confidence: float) -> tuple[float | None, float | None]:
    """Where every group gave the same: how far the truth may be off without that being a wonder."""
    if metric.low is None or metric.high is None:
        return value, value
    slack = (metric.high - metric.low) * (1 - ((1 - confidence) / 2) ** (1 / count))
    return max(metric.low, value - slack), min(metric.high, value + slack)


def standard_error(metric: Metric, sums: Floats) -> float:
    """The jackknife's, over clusters; 0 for fewer than two."""
    count = len(sums)
    if count < 2:
        return 0.0
    left = _left_out(metric, sums)
    return float(math.sqrt((count - 1) / count * np.sum((left - left.mean()) ** 2)))


def compare(metric: Metric, before: Floats, after: Floats, groups: Sequence[str], tests: int = 1) -> Comparison:
    """Two runs' parts, row by row of the same samples. `tests`: how many metrics are judged together."""
    first, told = contributing(before, groups, after)
    second, _ = contributing(after, groups, before)
    old, new = cluster_sums(first, told), cluster_sums(second, told)
    value_old, value_new = _value(metric, old), _value(metric, new)
    error = _paired_error(metric, old, new)
    slack = float(_special().stdtrit(max(len(old) - 1, 1), 0.975)) * error
    difference = value_new - value_old
    worse, other, changed = _swap_test(metric, old, new)
    return Comparison(
        value_old, value_new, difference, difference - slack, difference + slack, worse, other, changed, len(old),
        smallest_visible(metric, error, len(old), tests),
    )  # fmt: skip


def smallest_visible(metric: Metric, error: float, clusters: int, tests: int = 1, alpha: float = 0.05) -> float:
    """The change for the worse that a one-sided test at `alpha / tests` shows with power 80 %.

    `error` is the standard error of the difference. However small it is, so many clusters must come out worse that
    the swap test can reach its level at all; infinite where there are not that many.
    """
    needed = least_clusters(tests, alpha)
    if clusters < max(needed, 2):
        return math.inf
    freedom = clusters - 1
    seen = (float(_special().stdtrit(freedom, 1 - alpha / tests)) + float(_special().stdtrit(freedom, POWER))) * error
    width = 1.0 if metric.low is None or metric.high is None else metric.high - metric.low
    return max(seen, needed / clusters * width)


def least_clusters(tests: int = 1, alpha: float = 0.05) -> int:
    """How many clusters must come out worse, and none better, for a swap test to reach `alpha / tests` at all."""
    return math.ceil(math.log2(max(tests, 1) / alpha))


def _value(metric: Metric, sums: Floats) -> float:
    return float(metric.combine(sums.sum(axis=0)))


def _paired_error(metric: Metric, old: Floats, new: Floats) -> float:
    count = len(old)
    if count < 2:
        return 0.0
    left = _left_out(metric, new) - _left_out(metric, old)
    return float(math.sqrt((count - 1) / count * np.sum((left - left.mean()) ** 2)))


def _swap_test(metric: Metric, old: Floats, new: Floats) -> tuple[float, float, int]:
    """One- and two-sided p over swaps of the two runs' clusters, and how many clusters differ."""
    differing = np.any(np.abs(new - old) > 1e-12, axis=1)
    count = int(differing.sum())
    if not count:
        return 1.0, 1.0, 0
    half = (new - old)[differing] / 2
    middle = ((old + new) / 2).sum(axis=0)
    signs = _signs(count)
    moved = signs @ half
    found = _gain(metric, metric.combine(middle + moved) - metric.combine(middle - moved))
    seen = _gain(metric, np.asarray(_value(metric, new) - _value(metric, old)))
    tolerance = 1e-9
    worse = np.mean(found <= seen + tolerance)
    other = np.mean(np.abs(found) >= np.abs(seen) - tolerance)
    return float(worse), float(other), count


def _signs(count: int) -> Floats:
    """A row for each swap: all of them where there are few, else drawn ones, the first of them the observed one."""
    if count <= _EXACT:
        return np.array(list(product((1.0, -1.0), repeat=count)))
    drawn = np.random.default_rng(0).integers(0, 2, size=(_SWAPS, count)) * 2.0 - 1.0
    return np.vstack([np.ones(count), drawn])


def _gain(metric: Metric, difference: Floats) -> Floats:
    """The difference with its sign so that less is worse; an undefined one counts as none."""
    signed = -difference if metric.better == "lower" else difference
    return np.where(np.isnan(signed), 0.0, signed)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected so that the chance of any false alarm stays at the level, in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected, highest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def pass_hat_k(passes: Sequence[Sequence[bool]], k: int) -> float:
    """The chance that `k` tries of one sample all pass, averaged over samples (tau-bench's pass^k); nan for none.

    `passes`: for each sample its tries, at least `k` of them.
    """
    chances = [comb(sum(tries), k) / comb(len(tries), k) for tries in passes]
    return sum(chances) / len(chances) if chances else math.nan
