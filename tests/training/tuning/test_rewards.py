"""Rewards score what they say, every one can be learnt from, and a model that games them is stopped."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graphs.errors import SettingsError, UsageError
from tests.training.tiny import signals, write_rows
from training.run import Run
from training.stages import load_recipe, train
from training.tuning.recipe import OnlineRecipe
from training.tuning.rewards import is_exact, is_grounded, is_json, refuses, shares, text_of
from training.tuning.texts import REFUSAL
from training.tuning.watching import Gaming

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("text", "answer", "reward"),
    [("The Alps.", "alps", 1.0), ("Alps", ["Andes", "Alps"], 1.0), ("the high Alps", "Alps", 0.0), ("7", 7, 1.0)],
)
def test_an_exact_answer_is_told_as_squad_does(text: str, answer: Any, reward: float) -> None:
    assert is_exact(text, {"answer": answer}) == reward


@pytest.mark.parametrize(
    ("text", "keys", "reward"),
    [
        ('{"a": 1, "b": 2}', ["a"], 1.0),
        ('```json\n{"a": 1}\n```', ["a"], 1.0),
        ('{"a": 1}', ["a", "b"], 0.5),
        ("[1]", [], 0.5),
        ("{}", None, 1.0),
        ('{"a": 1', ["a"], 0.0),
    ],
)
def test_json_is_valid_and_has_its_keys(text: str, keys: Any, reward: float) -> None:
    assert is_json(text, {"keys": keys}) == reward


def test_support_is_rewarded_and_a_refusal_only_where_nothing_answers() -> None:
    checker: Any = SimpleNamespace(check=lambda text, passages: SimpleNamespace(score=float(text in passages[0])))
    reward = is_grounded(checker)
    answerable, other = {"passages": ["It is red."], "answer": "red"}, {"passages": ["It is red."], "answer": REFUSAL}
    assert [reward(text, answerable) for text in ("red", "blue", REFUSAL)] == [1.0, 0.0, 0.0]
    assert [reward(text, other) for text in ("red", REFUSAL)] == [0.0, 1.0]


def test_refusals_are_counted() -> None:
    assert all(map(refuses, ("", "I don’t know.", " I cannot say", "Unanswerable")))
    assert shares(["I do not know", "It is red", "I know"]) == pytest.approx(1 / 3)
    assert (text_of("plain"), text_of([{"role": "assistant", "content": "said"}])) == ("plain", "said")


def asked(asked_: str, right: str, _: str) -> dict[str, Any]:
    return {"prompt": asked_, "answer": right, "keys": ["a"]}


def a_recipe(tmp_path: Path, base: Path, **keys: Any) -> OnlineRecipe:
    rows = write_rows(tmp_path / "asked.jsonl", [asked(*signal) for signal in signals(12)])
    small: dict[str, Any] = {
        "steps": 2,
        "batch": 2,
        "generations": 2,
        "accumulation": 1,
        "answer_tokens": 4,
        "judge_rows": 2,
    }
    small |= {"rank": 2, "checkpoint_every": 100, "dev_share": 0.34, "learning_rate": 1e-2}
    places = {"base": str(base), "data": [str(rows)], "out": str(tmp_path / "run")}
    recipe = load_recipe("grpo", {**small, **places, **keys})
    assert isinstance(recipe, OnlineRecipe)
    return recipe


@pytest.fixture(scope="module")
def reward_model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage of reward models leaves."""
    folder = tmp_path_factory.mktemp("reward")
    pairs = [{"prompt": a, "chosen": right, "rejected": wrong} for a, right, wrong in signals(12)]
    data = write_rows(folder / "pairs.jsonl", pairs)
    keys: dict[str, Any] = {"base": str(tiny), "data": [str(data)], "out": str(folder / "run"), "steps": 1, "batch": 2}
    keys |= {"accumulation": 1, "rank": 2, "judge_rows": 2, "dev_share": 0.34}
    return train(load_recipe("reward", keys)).folder


@pytest.mark.parametrize(("stage", "reward"), [("grpo", "json"), ("rloo", "exact"), ("rloo", "model")])
def test_it_learns_from_every_reward(stage: str, reward: str, tmp_path: Path, tiny: Path, request: Any) -> None:
    keys: dict[str, Any] = {"stage": stage, "rewards": [reward]}
    if reward == "model":
        keys["reward_model"] = str(request.getfixturevalue("reward_model"))
    trained = train(a_recipe(tmp_path, tiny, **keys))
    assert trained.version.kind == "adapter"
    assert {"reward_before", "reward_gain_low", "refusals_gain"} <= trained.version.metrics.keys()
    assert trained.version.metrics["gamed"] == 0.0


def test_a_row_without_what_the_reward_needs_is_named(tmp_path: Path, tiny: Path) -> None:
    recipe = a_recipe(tmp_path, tiny, rewards=["grounded"])
    with pytest.raises(UsageError, match=r"lacks 'passages', which the reward 'grounded' needs"):
        train(recipe, started=lambda run: setattr(run, "checker", object()))
    with pytest.raises(SettingsError, match="reward_model go together"):
        a_recipe(tmp_path, tiny, rewards=["model"])


def watched(tmp_path: Path, steps: list[tuple[float, float, bool]], **bars: float) -> str:
    """Why a run of steps (length, distance, whether it refuses) is ended."""
    recipe = OnlineRecipe(stage="grpo", name="g", base="b", data=["d"], rewards=["json"], watch_window=2, **bars)  # type: ignore[arg-type]
    gaming = Gaming(recipe, Run(recipe))
    for length, kl, refusing in steps:
        gaming.saw([REFUSAL if refusing else "It is red."])
        gaming.step({"completions/mean_length": length, "kl": kl})
    return gaming.why


STEADY = [(20.0, 0.1, False)] * 2


@pytest.mark.parametrize(
    ("late", "said"),
    [
        ((20.0, 0.1, False), ""),
        ((50.0, 0.1, False), "answers have 50 tokens, at the start 20"),
        ((5.0, 0.1, False), "answers have 5 tokens, at the start 20"),
        ((20.0, 2.5, False), "the distance to the start is 2.50; most_kl is 2.0"),
        ((20.0, 0.1, True), "100 % of the answers refuse, at the start 0 %"),
    ],
)
def test_gaming_is_told_by_length_distance_and_refusals(
    late: tuple[float, float, bool], said: str, tmp_path: Path
) -> None:
    assert watched(tmp_path, [*STEADY, late, late]) == said


def test_a_single_odd_step_is_no_gaming(tmp_path: Path) -> None:
    assert watched(tmp_path, [*STEADY, (20.0, 3.0, False), (20.0, 0.1, False)]) == ""


def test_a_run_that_games_its_reward_is_ended(tmp_path: Path, tiny: Path, reward_model: Path) -> None:
    keys: dict[str, Any] = {"rewards": ["model"], "reward_model": str(reward_model), "steps": 6, "learning_rate": 0.1}
    recipe = a_recipe(tmp_path, tiny, **keys, watch_window=1, most_kl=1e-9)
    events: list[dict[str, Any]] = []
    trained = train(recipe, listeners=[events.append])
    assert trained.version.metrics["gamed"] == 1.0
    assert max(event["step"] for event in events if event["event"] == "step") < 6
    assert any("most_kl" in event["text"] for event in events if event["event"] == "note")
