"""A run is watched: in the terminal, as a picture, by trackers; Ctrl-C keeps what was done and --resume goes on."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.cli.main import run
from graphs.errors import ModelError, UsageError
from tests.training.tiny import losses, write_rows
from training.listeners import Bar, step_in_words, trackers
from training.plot import save_plot

EVENTS: list[dict[str, Any]] = [
    {"event": "estimate", "time": 0.0, "text": "about 2 minutes", "seconds": 120.0},
    *({"event": "step", "time": float(n), "step": n, "steps": 3, "loss": 3.0 / n} for n in (1, 2, 3)),
    {"event": "evaluation", "time": 4.0, "step": 3, "loss": 1.5},
    {"event": "done", "time": 5.0, "metrics": {"loss": 1.5}},
]


def test_a_step_is_said_with_speed_and_time_left() -> None:
    event = {"step": 7, "steps": 100, "loss": 1.2344, "tokens_per_second": 830.2, "seconds_left": 240.0}
    assert step_in_words(event) == "step 7 of 100, loss 1.2344, 830 tokens/s, 4 min left"


def test_without_a_terminal_lines_are_said() -> None:
    said: list[str] = []
    bar = Bar(said.append, every=0.5)
    for event in EVENTS:
        bar(event)
    assert said[0] == "about 2 minutes"
    assert [line for line in said if line.startswith("step 3 of 3")]
    assert said[-1] == "step 3, held back: loss 1.5"


def test_the_losses_are_drawn(tmp_path: Path) -> None:
    assert not save_plot(EVENTS[:1], tmp_path / "none.png", "run")
    assert save_plot(EVENTS, tmp_path / "loss.png", "run")
    from PIL import Image

    with Image.open(tmp_path / "loss.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 3  # two curves, not a blank sheet


def test_tensorboard_hears_every_figure(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (hear,) = trackers(["tensorboard"], tmp_path, "run")
    for event in EVENTS:
        hear(event)
    read: Any = EventAccumulator(str(tmp_path / "tensorboard" / "run"))
    read.Reload()
    assert [(one.step, one.value) for one in read.Scalars("step/loss")] == [(1, 3.0), (2, 1.5), (3, 1.0)]
    assert [one.value for one in read.Scalars("evaluation/loss")] == [1.5]


def test_mlflow_hears_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place := f"sqlite:///{tmp_path / 'mlflow.db'}")
    mlflow.set_tracking_uri(place)
    (hear,) = trackers(["mlflow"], tmp_path, "run")
    for event in EVENTS:
        hear(event)
    (found,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert found.info.status == "FINISHED"
    history = mlflow.MlflowClient().get_metric_history(found.info.run_id, "step_loss")
    assert [(one.step, one.value) for one in history] == [(1, 3.0), (2, 1.5), (3, 1.0)]


def test_weights_and_biases_hear_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[tuple[dict[str, float], int]] = []
    ended: list[bool] = []
    tracked = SimpleNamespace(log=lambda values, step: logged.append((values, step)), finish=lambda: ended.append(True))
    asked: dict[str, Any] = {}
    fake: Any = SimpleNamespace(init=lambda **given: asked.update(given) or tracked)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    (hear,) = trackers(["wandb"], tmp_path, "run")
    for event in EVENTS:
        hear(event)
    assert asked == {"project": "crossroads", "name": "run", "dir": str(tmp_path)}
    assert ({"step/loss": 1.5}, 2) in logged
    assert ended == [True]


def test_a_tracker_that_is_not_there_is_named_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ModelError, match="'wandb' needs wandb") as refused:
        trackers(["wandb"], tmp_path, "run")
    assert "pip install wandb" in refused.value.cure
    with pytest.raises(UsageError, match="'comet'"):
        trackers(["comet"], tmp_path, "run")


@pytest.fixture
def command(tiny: Path, home: Path, tmp_path: Path) -> list[str]:
    """Pretraining of a tiny model for eight steps, as a person starts it."""
    del home
    data = write_rows(
        tmp_path / "texts.jsonl", [{"text": f"the {n}th cat sees the river again. " * 4} for n in range(60)]
    )
    sets: dict[str, Any] = {"data": f"[{data}]", "tokenizer": tiny, "out": tmp_path / "run", "steps": 8}
    sets |= {"hidden": 32, "layers": 1, "heads": 2, "context": 32, "batch": 4, "log_every": 1, "held_out": 0.2}
    sets |= {"evaluate_every": 100, "checkpoint_every": 100, "sample_tokens": 0, "warmup_steps": 1}
    return ["train", "pretrain-tiny-gpt", *(f"--set={key}={value}" for key, value in sets.items())]


def at_step(number: int, do: Callable[[], object], patch: pytest.MonkeyPatch) -> None:
    """Do something while a step is told."""
    plain = Bar.__call__

    def told(self: Bar, event: dict[str, Any]) -> None:
        plain(self, event)
        if event["event"] == "step" and event["step"] == number:
            do()

    patch.setattr(Bar, "__call__", told)


def test_ctrl_c_writes_a_checkpoint_and_resume_goes_on(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        at_step(3, lambda: os.kill(os.getpid(), signal.SIGINT), patch)
        assert run(command) == 130
    said = capsys.readouterr().err
    assert "Continue with: crossroads train pretrain-tiny-gpt --resume --set" in said
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-3"]
    assert (tmp_path / "run" / "loss.png").is_file()
    assert run([*command, "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "candidate"
    assert list(losses(tmp_path / "run")) == list(range(1, 9))
