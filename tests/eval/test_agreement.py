"""Agreement of graders and strengths from blind comparisons, against values worked out by hand or by others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from eval.agreement import agreement, bradley_terry, of_each
from graphs.errors import UsageError

# Krippendorff's own example (Computing Krippendorff's Alpha-Reliability, 2011, section C): 4 observers, 12 units.
_ROWS = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
KNOWN = {
    f"observer {n}": {str(unit): float(value) for unit, value in enumerate(row.split()) if value != "."}
    for n, row in enumerate(_ROWS)
}


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_krippendorffs_own(level: Any, alpha: float) -> None:
    found = agreement(KNOWN, level, draws=50)
    assert found.alpha == pytest.approx(alpha, abs=0.001)
    assert found.low <= found.alpha <= found.high
    assert found.items == 11


def test_what_nobody_rated_twice_has_no_agreement() -> None:
    found = agreement({"one": {"a": 1.0}, "other": {"b": 2.0}})
    assert math.isnan(found.alpha)
    assert found.items == 0


def test_an_unknown_level_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="'rational'"):
        agreement(KNOWN, "rational")  # type: ignore[arg-type]


def test_a_grader_who_goes_against_the_others_stands_out() -> None:
    honest = {str(n): float(n % 5 + 1) for n in range(20)}
    contrary = {item: 6 - value for item, value in honest.items()}
    each = of_each({"one": honest, "two": honest, "three": honest, "contrary": contrary})
    assert each["contrary"] < 0 < each["one"]


def test_strengths_recover_the_chances_they_were_drawn_with() -> None:
    random = np.random.default_rng(0)
    true = {"rag": 3.0, "tuned": 1.5, "zero_shot": 0.5}
    wins = []
    for _ in range(1500):
        one, other = random.choice(list(true), 2, replace=False)
        wins.append((str(one), str(other), float(random.random() < true[one] / (true[one] + true[other]))))
    found = bradley_terry(wins, draws=40)
    assert [one.name for one in found] == ["rag", "tuned", "zero_shot"]
    odds = [one.chance / (1 - one.chance) for one in found]
    assert odds[0] / odds[2] == pytest.approx(6.0, rel=0.3)
    assert all(one.low <= one.chance <= one.high for one in found)


def test_a_side_that_always_wins_stays_finite_and_ties_are_even() -> None:
    found = {one.name: one for one in bradley_terry([("a", "b", 1.0)] * 5 + [("b", "c", 0.5)] * 4, draws=20)}
    assert 0.5 < found["a"].chance < 1.0
    assert found["b"].comparisons == 9
    assert bradley_terry([]) == []
