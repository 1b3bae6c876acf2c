"""The router learns from outcomes, says how sure it is, and is read back without pickle."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from graphs.errors import UsageError
from graphs.seen import NAMES, Found, see
from training.router.model import RouterModel, fit_logistic
from training.router.train import calibration_error, cheapest, judge, learn, read_rows
from training.stages import load_recipe, train

SHAPE = ("local:tiny", 2, 1.0, 1)


def rows(count: int) -> list[dict[str, Any]]:
    """Documents answer where a passage is near; the model alone does where there is a task."""
    draw = random.Random(3)  # noqa: S311 - a sample, no secret
    made = []
    for number in range(count):
        near, task = draw.random(), number % 2
        found = Found() if task else Found(similarities=[near], coverage=near)
        seen = see("Sort this: rain" if task else "Where is the valley?", "task" if task else "question", None, found)
        paths = {
            "rag": {"right": not task and near + draw.gauss(0, 0.1) > 0.5, "seconds": 2.0, "cost_usd": 0.0},
            "zero_shot": {"right": bool(task) and draw.random() > 0.1, "seconds": 1.0, "cost_usd": 0.0},
        }
        vector = [near, float(task), draw.random()]
        made.append({"id": f"r{number}", "seen": seen, "vector": vector, "paths": paths})
    return made


def test_how_often_own_words_stood_is_kept_where_enough_outcomes_tell(tmp_path: Path) -> None:
    known = rows(60)
    assert learn(known, *SHAPE).own_words is None
    for number, row in enumerate(known):
        row["paths"]["rag"]["stood"] = number % 4 == 0 if number < 40 else None
    router = learn(known, *SHAPE)
    router.save(tmp_path)
    assert router.own_words == RouterModel.load(tmp_path).own_words == round(11 / 42, 4)


@pytest.fixture(scope="module")
def router() -> RouterModel:
    return learn(rows(200), *SHAPE)


def chance(router: RouterModel, near: float, path: Any = "rag") -> float:
    found = Found(similarities=[near], coverage=near)
    return router.chances(see("Where is the river?", "question", None, found), [near, 0.0, 0.5])[path]


def test_the_chance_follows_what_was_learned(router: RouterModel) -> None:
    assert chance(router, 0.9) > 0.8
    assert chance(router, 0.1) < 0.2
    assert chance(router, 0.9, "zero_shot") < 0.2


def test_choosing_by_it_beats_every_single_path(router: RouterModel) -> None:
    figures = judge(router, rows(120)[100:])
    assert figures["right"] > figures["right_best_single"]
    assert figures["ece"] < 0.25


def test_it_is_the_same_when_read_back(router: RouterModel, tmp_path: Path) -> None:
    router.save(tmp_path / "saved")
    again = RouterModel.load(tmp_path / "saved")
    assert chance(again, 0.6) == pytest.approx(chance(router, 0.6), abs=0.01)
    assert again.expected == router.expected
    assert [path.name for path in (tmp_path / "saved").iterdir()] == ["router.json"]


def test_weights_for_other_measures_are_refused(router: RouterModel, tmp_path: Path) -> None:
    router.save(tmp_path)
    raw = json.loads((tmp_path / "router.json").read_text())
    raw["measures"] = raw["measures"][1:]
    (tmp_path / "router.json").write_text(json.dumps(raw))
    with pytest.raises(ValueError, match="Train it again"):
        RouterModel.load(tmp_path)


def test_an_embedding_of_another_length_changes_nothing_but_its_part(router: RouterModel) -> None:
    seen = see("Where is the river?", "question", None, Found(similarities=[0.9], coverage=0.9))
    assert router.chances(seen, [1.0] * 7) == router.chances(seen, [])


def test_the_cheapest_of_those_within_reach_is_taken(router: RouterModel) -> None:
    chances: Any = {"rag": 0.80, "zero_shot": 0.77}
    assert cheapest(chances, router.expected, 0.95) == "zero_shot"
    assert cheapest(chances, router.expected, 1.0) == "rag"


def test_calibration_error_is_the_gap_between_said_and_true() -> None:
    assert calibration_error([0.95] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.45)


def test_a_curve_through_certain_rows_ends() -> None:
    import numpy as np

    weights, _ = fit_logistic(np.array([[-1.0], [1.0]] * 10), np.array([0.0, 1.0] * 10), 1.0)
    assert 0 < weights[0] < 10


def test_too_few_outcomes_are_refused() -> None:
    with pytest.raises(UsageError, match="too few"):
        learn(rows(10), *SHAPE)


def test_the_stage_writes_a_version_with_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "outcomes.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows(120)), encoding="utf-8")
    made = train(load_recipe("router", {"out": str(tmp_path / "run"), "outcomes": [str(file)], "model": "local:tiny"}))
    assert made.version.kind == "router"
    assert {"ece", "right", "rows"} <= set(made.version.metrics)
    assert RouterModel.load(made.folder).model == "local:tiny"
    assert "| ece |" in (made.folder / "CARD.md").read_text()


def test_a_row_without_outcomes_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "o.jsonl"
    file.write_text('{"id": "a", "seen": {}}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="line 1"):
        read_rows([file])


def test_every_measure_has_a_name_and_a_value() -> None:
    assert set(see("Who is it?", "question", None, Found())) == set(NAMES)


def test_what_rules_decide_is_not_learned(tmp_path: Path) -> None:
    file = tmp_path / "o.jsonl"
    made = [*rows(60), {"id": "sum", "seen": {"kind_arithmetic": 1.0}, "paths": {}}]
    for row in made[:60]:
        row["paths"]["tools"] = {"right": False, "seconds": 0.1, "cost_usd": 0.0}
    file.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    found = read_rows([file])
    assert len(found) == 60
    assert "tools" not in learn(found, *SHAPE).heads
