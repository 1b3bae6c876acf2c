"""Every recipe of tuning is loaded and run for a few steps on tiny models, killed on its way and continued."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.evidence.checker import FeatureChecker
from tests.training.tiny import ends_where_the_loss_is_no_number, signals, walks_on_after_a_kill, write_rows
from training.recipe import Recipe
from training.run import Run
from training.stages import load_recipe, train

pytestmark = pytest.mark.usefixtures("one_thread")
Row = dict[str, Any]


def _answer(asked: str, right: str, _: str) -> Row:
    return {"prompt": asked, "completion": right}


def _pair(asked: str, right: str, wrong: str) -> Row:
    return {"prompt": asked, "chosen": right, "rejected": wrong}


def _grounded(asked: str, right: str, _: str) -> Row:
    return {"question": asked, "passages": [f"It says {right}.", "Nothing."], "answer": f"{right} [1]", "gold": [0]}


SMALL = {"steps": 4, "batch": 4, "accumulation": 1, "max_length": 900, "evaluate_every": 2, "checkpoint_every": 2}
SMALL |= {"judge_rows": 2, "patience": 0, "too_long": "refuse"}
RECIPES: dict[str, tuple[Callable[[str, str, str], Row], str, Row]] = {
    "style": (_answer, "adapter", {"rank": 2, "answer_tokens": 4, "epochs": 1}),
    "domain-facts": (lambda a, r, w: {"text": f"{a} means {r}, not {w}."}, "adapter", {"rank": 2}),
    "grounded-qa": (_grounded, "adapter", {"rank": 2, "answer_tokens": 4, "dev": [], "batch": 1}),
    "classifier": (lambda a, r, w: {"text": a, "label": r}, "classifier", {"max_length": 64}),
    "reward": (_pair, "reward", {"rank": 2}),
    "dpo-from-grades": (_pair, "adapter", {"rank": 2}),
    "kto": (_pair, "adapter", {"rank": 2}),
    "orpo": (_pair, "adapter", {"rank": 2}),
    "grpo": (_grounded, "adapter", {"rank": 2, "answer_tokens": 4}),
    "rloo": (_grounded, "adapter", {"rank": 2, "answer_tokens": 4, "stage": "rloo"}),
    "embeddings": (_grounded, "embedding", {"max_length": 64}),
    "reranker": (_grounded, "reranker", {"max_length": 64}),
}
ENCODERS = {"classifier", "embeddings", "reranker"}


@pytest.fixture
def small(tmp_path: Path, tiny: Path, encoder: Path) -> Callable[[str], Recipe]:
    """A recipe by name, cut to four steps on tiny models."""

    def cut(name: str) -> Recipe:
        make, _, keys = RECIPES[name]
        rows = write_rows(tmp_path / "rows.jsonl", [make(*signal) for signal in signals(12)])
        base = encoder if name in ENCODERS else tiny
        places = {"base": str(base), "data": [str(rows)], "out": str(tmp_path / "run"), "dev_share": 0.34}
        return load_recipe("grpo" if name == "rloo" else name, {**SMALL, **places, **keys})

    return cut


def begin(run: Run) -> None:
    """What the application gives a run."""
    run.checker = FeatureChecker()


@pytest.mark.parametrize("name", RECIPES)
def test_it_runs(name: str, small: Callable[[str], Recipe], tmp_path: Path) -> None:
    recipe, kind = small(name), RECIPES[name][1]
    events: list[Row] = []
    trained = train(recipe, listeners=[events.append], started=begin)
    assert trained.version.kind == kind
    assert trained.version.metrics["judged"] >= 2
    assert trained.version.data_sha256
    assert [event["step"] for event in events if event["event"] == "step"] == [1, 2, 3, 4]
    estimate = next(event for event in events if event["event"] == "estimate")
    assert estimate["seconds"] > 0
    assert estimate["disk"] > 0
    weights = "adapter_model.safetensors" if kind in {"adapter", "reward"} else "model.safetensors"
    assert (trained.folder / weights).is_file()
    assert not [path for path in (tmp_path / "run").rglob("*") if path.suffix in {".bin", ".pt", ".pth", ".pkl"}]
    walks_on_after_a_kill(recipe, begin)


@pytest.mark.parametrize("name", RECIPES)
def test_a_loss_that_is_no_number_ends_it_with_the_last_checkpoint_kept(
    name: str, small: Callable[[str], Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_where_the_loss_is_no_number(small(name), monkeypatch, begin)


@pytest.mark.parametrize("adapter", ["dora", "rslora", "prompt", "prefix"])
def test_every_adapter_trains(adapter: str, tmp_path: Path, tiny: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", [_answer(*signal) for signal in signals(12)])
    keys = {**SMALL, "steps": 1, "base": str(tiny), "data": [str(rows)], "out": str(tmp_path / "run"), "rank": 2}
    keys |= {"adapter": adapter, "answer_tokens": 4, "virtual_tokens": 3, "packing": adapter != "prefix"}
    trained = train(load_recipe("style", keys))
    assert trained.version.metrics["loss_before"] > 0
    assert "adapter_model.safetensors" in {path.name for path in trained.folder.iterdir()}
