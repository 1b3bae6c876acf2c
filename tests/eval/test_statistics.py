"""Intervals cover, tests keep their level, effects are seen: against worked values, scipy and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from eval.sample import Score
from eval.scorers.base import Metric, mean, ratio
from eval.statistics import (
    clopper_pearson,
    cluster_sums,
    compare,
    holm,
    interval,
    pass_hat_k,
    smallest_visible,
    standard_error,
)

MEAN = mean("m")


def parts(values: list[float], metric: Metric = MEAN) -> np.ndarray:
    return metric.parts([Score(value=value) for value in values])


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (10, 10), (57, 92)])
def test_a_proportions_interval_is_scipys_exact_one(successes: int, n: int) -> None:
    found = interval(MEAN, parts([1.0] * successes + [0.0] * (n - successes)), names(n))
    wanted = binomtest(successes, n).proportion_ci(method="exact")
    assert found is not None
    assert found.method.startswith("exact")
    assert (found.value, found.low, found.high) == pytest.approx((successes / n, wanted.low, wanted.high))
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_sums_by_group() -> None:
    rows = np.array([[1.0, 1.0], [0.0, 1.0], [0.5, 1.0]])
    assert cluster_sums(rows, ["a", "b", "a"]).tolist() == [[1.5, 2.0], [0.0, 1.0]]


def test_the_jackknife_error_of_a_mean_is_the_textbooks() -> None:
    values = np.random.default_rng(1).random(40)
    assert standard_error(MEAN, parts(list(values))) == pytest.approx(values.std(ddof=1) / math.sqrt(40))


def test_rows_of_one_document_count_as_one() -> None:
    """Ten documents with ten equal rows each know no more than ten rows."""
    values = [float(number % 2) for number in range(10)]
    alone = interval(MEAN, parts(values), names(10))
    tenfold = interval(MEAN, parts(values * 10), names(10) * 10)
    blind = interval(MEAN, parts(values * 10), names(100))
    assert alone is not None
    assert tenfold is not None
    assert blind is not None
    assert tenfold.high - tenfold.low > 2 * (blind.high - blind.low)  # type: ignore[operator]


@pytest.mark.parametrize("groups", [25, 60])
def test_the_bootstrap_covers(groups: int) -> None:
    """Of 120 intervals about a ratio over uneven groups, 90 % at least hold the truth (95 % meant)."""
    metric, draw, held = ratio("r", "top", "bottom"), np.random.default_rng(2), 0
    for _ in range(120):
        level = draw.beta(4, 2, groups)
        sizes = draw.integers(1, 5, groups)
        rows = [Score(value=0, metadata={"top": float(draw.binomial(size, chance)), "bottom": float(size)})
                for size, chance in zip(sizes, level, strict=True)]  # fmt: skip
        found = interval(metric, metric.parts(rows), names(groups))
        assert found is not None
        held += found.low <= 4 / 6 <= found.high  # type: ignore[operator]
    assert held >= 0.9 * 120


def test_where_nothing_varies_the_interval_still_has_width() -> None:
    found = interval(MEAN, parts([1.0, 1.0] * 20), ["a", "b"] * 20)
    assert found is not None
    assert found.high == 1.0
    assert found.low == pytest.approx(1 - (1 - 0.025**0.5))


def test_rows_that_add_nothing_are_no_trials() -> None:
    """Of a hundred rows ten can be refused at all, and eight are: the interval is that of eight in ten."""
    metric = ratio("r", "top", "bottom")
    rows = [Score(value=0, metadata={"top": int(number < 8), "bottom": int(number < 10)}) for number in range(100)]
    found = interval(metric, metric.parts(rows), names(100))
    wanted = clopper_pearson(8, 10)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(wanted)


def test_one_group_has_no_interval() -> None:
    found = interval(MEAN, parts([1.0, 0.0]), ["a", "a"])
    assert found is not None
    assert (found.low, found.high, found.method) == (0.0, 1.0, "none: one group")
    assert interval(MEAN, parts([]), []) is None


def test_the_paired_test_is_exact_where_it_can_be() -> None:
    """Five of twenty got worse, none better: one-sided p is 1/32 as of the sign test."""
    before, after = [1.0] * 20, [0.0] * 5 + [1.0] * 15
    found = compare(MEAN, parts(before), parts(after), names(20))
    assert found.p_worse == pytest.approx(1 / 32)
    assert found.p_other == pytest.approx(2 / 32)
    assert (found.difference, found.changed) == (-0.25, 5)
    assert compare(MEAN, parts(after), parts(before), names(20)).p_worse == 1.0
    assert compare(mean("m", better="lower"), parts(after), parts(before), names(20)).p_worse == pytest.approx(1 / 32)


def test_nothing_changed_is_no_change() -> None:
    found = compare(MEAN, parts([1.0, 0.0]), parts([1.0, 0.0]), names(2))
    assert (found.p_worse, found.difference, found.changed) == (1.0, 0.0, 0)


def test_the_paired_test_keeps_its_level() -> None:
    draw, alarms = np.random.default_rng(3), 0
    for _ in range(300):
        chance = draw.beta(2, 1, 60)
        before, after = (list((draw.random(60) < chance).astype(float)) for _ in range(2))
        alarms += compare(MEAN, parts(before), parts(after), names(60)).p_worse <= 0.05
    assert alarms <= 24  # 15 expected; 24 or fewer with 98 %


def test_too_few_groups_can_show_nothing() -> None:
    assert smallest_visible(MEAN, 0.01, 4) == math.inf
    assert smallest_visible(MEAN, 0.0, 100) == pytest.approx(5 / 100)
    assert smallest_visible(MEAN, 0.05, 100, tests=4) > smallest_visible(MEAN, 0.05, 100)


def test_holm_on_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_pass_hat_k_on_a_worked_example() -> None:
    """Four of four, two of four, none of four: pass^2 is (1 + 1/6 + 0) / 3."""
    tries = [[True] * 4, [True, True, False, False], [False] * 4]
    assert pass_hat_k(tries, 1) == pytest.approx(0.5)
    assert pass_hat_k(tries, 2) == pytest.approx((1 + 1 / 6) / 3)
    assert math.isnan(pass_hat_k([], 1))
