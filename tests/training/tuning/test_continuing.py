"""A run that ends early, by a kill or on request, goes on as if it had not; a bad one ends with its cause."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graphs.errors import Cancelled, ModelError
from tests.training.tiny import kill, losses, signals, write_rows
from training.run import Run
from training.stages import train
from training.tuning.recipe import SftRecipe
from training.tuning.trainers import Watch, halved

pytestmark = pytest.mark.usefixtures("one_thread")


def a_recipe(tmp_path: Path, base: Path, out: str = "run", **keys: Any) -> SftRecipe:
    rows = [{"prompt": asked, "completion": right} for asked, right, _ in signals(48)]
    data = tmp_path / "rows.jsonl"
    if not data.exists():
        write_rows(data, rows)
    usual: dict[str, Any] = {"steps": 8, "batch": 4, "max_length": 64, "adapter": "lora", "rank": 4, "packing": False}
    usual |= {"evaluate_every": 100, "checkpoint_every": 3, "judge_rows": 4, "answer_tokens": 2, "learning_rate": 1e-2}
    return SftRecipe(name="tuned", out=tmp_path / out, base=str(base), data=[data], **{**usual, **keys})


def test_killed_and_stopped_it_goes_on_with_the_same_losses(tmp_path: Path, tiny: Path) -> None:
    whole = a_recipe(tmp_path, tiny, "whole")
    train(whole)
    cut = a_recipe(tmp_path, tiny, "cut")
    kill(cut, 5)
    assert max(losses(cut.folder)) == 5

    def stop_at_seven(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 7:
            runs[0].stop.set()

    runs: list[Run] = []
    with pytest.raises(Cancelled):
        train(cut, resume=True, listeners=[stop_at_seven], started=runs.append)
    train(cut, resume=True)
    assert list(losses(cut.folder)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert losses(cut.folder) == pytest.approx(losses(whole.folder), rel=1e-4)
    weights = [(folder / "model" / "adapter_model.safetensors").read_bytes() for folder in (whole.folder, cut.folder)]
    assert weights[0] == weights[1]


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_checkpoint(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    plain = trl.SFTTrainer.compute_loss

    def broken(self: Any, *given: Any, **named: Any) -> Any:
        loss = plain(self, *given, **named)
        return loss * float("nan") if self.state.global_step == 4 else loss

    monkeypatch.setattr(trl.SFTTrainer, "compute_loss", broken)
    recipe = a_recipe(tmp_path, tiny)
    with pytest.raises(ModelError, match=r"step 5 is nan.*step 3 is kept"):
        train(recipe)
    assert [path.name for path in (recipe.folder / "checkpoints").iterdir()] == ["step-3"]


def test_out_of_memory_halves_the_batch_and_goes_on(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    plain = trl.SFTTrainer.compute_loss

    def greedy(self: Any, model: Any, inputs: Any, *given: Any, **named: Any) -> Any:
        if self.model.training and self.state.global_step >= 3 and len(inputs["input_ids"]) > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return plain(self, model, inputs, *given, **named)

    monkeypatch.setattr(trl.SFTTrainer, "compute_loss", greedy)
    recipe = a_recipe(tmp_path, tiny, steps=5)
    train(recipe)
    with Run(recipe, resume=True) as run:
        said = [event["text"] for event in run.events("note")]
    assert any("batch 2, accumulation 2" in text for text in said)
    assert list(losses(recipe.folder)) == [1, 2, 3, 4, 5]


def test_a_batch_of_one_cannot_be_halved() -> None:
    assert halved(8, 1) == (4, 2)
    with pytest.raises(ModelError, match="max_length"):
        halved(1, 4)


class Remembering:
    """A trainer whose model remembers how often it was saved and what was put back."""

    def __init__(self) -> None:
        self.model, self.saved, self.loaded = self, 0, ""

    def save_pretrained(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.saved += 1

    def _load_from_checkpoint(self, folder: str) -> None:
        self.loaded = folder


def test_it_ends_early_with_the_best_weights(tmp_path: Path) -> None:
    recipe = a_recipe(tmp_path, tmp_path, patience=2)
    trainer, state = Remembering(), SimpleNamespace(global_step=0)
    with Run(recipe) as run:
        watch = Watch(recipe, run, trainer)
        ends = [watch.evaluation(state, {"eval_loss": loss}) for loss in (3.0, 2.0, 2.5, 2.0)]
        watch.restore_best()
    assert ends == [False, False, False, True]
    assert trainer.saved == 2
    assert trainer.loaded == str(recipe.folder / "best")
