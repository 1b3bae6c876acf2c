"""The watch that may look after every answer: it seldom cries wolf, and soon sees what is worse."""

from __future__ import annotations

import numpy as np
import pytest

from eval.sequential import worse

ERROR = 0.05


def runs(new: float, old: float, blocks: int, times: int) -> list[float]:
    """The evidence after so many blocks, many times over."""
    draw = np.random.default_rng(1)
    return [worse(list(draw.random(blocks) < new), list(draw.random(blocks) < old)).value for _ in range(times)]


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_looking_after_every_answer_cries_wolf_no_more_often_than_said(rate: float) -> None:
    alarms = sum(value >= 1 / ERROR for value in runs(rate, rate, 400, 400))
    assert alarms <= 0.05 * 400 + 3 * (400 * 0.05 * 0.95) ** 0.5


def test_a_better_model_is_not_halted() -> None:
    assert sum(value >= 1 / ERROR for value in runs(0.1, 0.3, 400, 200)) <= 2


def test_a_worse_model_is_seen() -> None:
    assert sum(value >= 1 / ERROR for value in runs(0.4, 0.1, 100, 100)) >= 90


def test_no_block_has_a_mean_above_one_where_the_new_is_no_worse() -> None:
    """The proof's inequality on a grid: every bet there is, against every pair of rates of the null."""
    for a in np.linspace(0.05, 0.95, 7):
        for b in np.linspace(0.02, a - 0.02, 6):
            c = (a + b) / 2
            d = (a - b) / (2 * c * (1 - c))
            for t in np.linspace(0, 1, 11):
                for s in np.linspace(0, t, 6):
                    assert (1 + d * (s - c)) * (1 - d * (t - c)) <= 1 + 1e-9


def test_what_has_no_partner_yet_waits() -> None:
    found = worse([True] * 50, [False] * 3)
    assert (found.blocks, found.new_rate, found.old_rate) == (3, 1.0, 0.0)
    assert worse([], [True]).value == 1.0
