"""Grades and votes move the router's chances at once, without training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.config import Settings
from assistant.routing import HomeRouter, open_router
from graphs.seen import NAMES, Found, see
from training.router.model import Head, RouterModel


@pytest.fixture
def base() -> RouterModel:
    flat = np.zeros(len(NAMES))
    heads: Any = {path: Head(flat, 0.0, 1.0, 0.0) for path in ("rag", "zero_shot")}
    return RouterModel("m", flat, np.ones(len(NAMES)), np.zeros((0, 0)), heads, {})


def test_the_router_that_ships_fits_this_version_and_knows_the_paths(home: Path) -> None:
    settings = Settings(home=home)
    router = open_router(settings)
    assert router is not None
    assert router.model == settings.models.chat
    assert set(router.heads) == {"zero_shot", "few_shot", "rag"}
    near = see("Where is the river?", "question", None, Found([0.8] * 8, 1.0, 1000, 0.0))
    far = see("Where is the river?", "question", None, Found([0.1] * 8, 0.1, 1000, 0.0))
    assert router.chances(near, [])["rag"] > router.chances(far, [])["rag"]


def chances(router: HomeRouter) -> dict[str, float]:
    found = router.get()
    assert found is not None
    return dict(found.chances({}, []))  # type: ignore[arg-type]


class Given:
    """Outcomes of answers 0, 1, 2 …, and which of them were asked for."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[str] = []

    def __call__(self, answer_id: str = "") -> dict[str, Any]:
        self.asked.append(answer_id)
        every = {str(number): one for number, one in enumerate(self.outcomes)}
        return {answer_id: every[answer_id]} if answer_id else every


def test_outcomes_move_a_path_and_leave_the_others(base: RouterModel) -> None:
    given = Given()
    router = HomeRouter(lambda: base, given)
    assert chances(router) == {"rag": 0.5, "zero_shot": 0.5}
    given.outcomes += [("zero_shot", {}, False)] * 30
    assert chances(router)["zero_shot"] == 0.5  # not looked at before it is told
    router.forget()
    moved = chances(router)
    assert moved["rag"] == 0.5
    assert 0.15 < moved["zero_shot"] < 0.35  # held back by the prior, so not 0


def test_after_a_grade_only_that_answer_is_looked_at(base: RouterModel) -> None:
    given = Given(*[("rag", {}, True)] * 12)
    router = HomeRouter(lambda: base, given)
    good = chances(router)["rag"]
    given.outcomes[3] = ("rag", {}, False)
    router.forget("3")
    assert chances(router)["rag"] < good
    assert given.asked == ["", "3"]
    other = replace(base)
    moved = HomeRouter(lambda: other, given)
    assert chances(moved)["rag"] == chances(router)["rag"]  # what was kept up is what is found anew


def test_another_router_is_held_against_every_outcome(base: RouterModel) -> None:
    given, routers = Given(*[("rag", {}, False)] * 12), [base]
    router = HomeRouter(lambda: routers[0], given)
    chances(router)
    routers[0] = replace(base)
    router.forget("3")
    chances(router)
    assert given.asked == ["", ""]


def test_few_outcomes_move_nothing(base: RouterModel) -> None:
    router = HomeRouter(lambda: base, Given(*[("rag", {}, False)] * 9))
    assert chances(router)["rag"] == 0.5


def test_outcomes_as_good_as_expected_move_nothing(base: RouterModel) -> None:
    router = HomeRouter(lambda: base, Given(*[("rag", {}, bool(number % 2)) for number in range(40)]))
    assert chances(router)["rag"] == pytest.approx(0.5, abs=0.001)
