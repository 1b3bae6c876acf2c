"""Who hears of a run's events: a bar in the terminal; TensorBoard, MLflow or Weights & Biases where asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from graphs.errors import ModelError, UsageError

Event = dict[str, Any]
_NOT_FIGURES = {"event", "time", "step", "steps", "text", "path"}


class Bar:
    """A bar with loss, tokens a second and time left; where no terminal listens, a line every few seconds."""

    def __init__(self, say: Callable[[str], None], every: float = 10.0) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._say, self._every, self._told = say, every, 0.0
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
        self._bar = Progress(*columns, TimeElapsedColumn(), console=console) if console.is_terminal else None
        self._task: Any = None

    def __call__(self, event: Event) -> None:
        """Hear of an event."""
        kind = event["event"]
        if kind in {"note", "sample", "estimate"}:
            self._line(str(event["text"]))
        elif kind == "step":
            self._step(event)
        elif kind in {"evaluation", "judged"}:
            self._line(f"step {event.get('step', 0)}, held back: {figures_in_words(event)}")
        elif kind == "done":
            self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def _step(self, event: Event) -> None:
        words = step_in_words(event)
        if self._bar is None:
            if event["time"] - self._told >= self._every or event["step"] == event.get("steps"):
                self._told = event["time"]
                self._say(words)
            return
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task("training", total=event.get("steps"), figures="")
        self._bar.update(self._task, completed=event["step"], total=event.get("steps"), figures=words)

    def _line(self, text: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            self._say(text)


def step_in_words(event: Event) -> str:
    """`step 7 of 100, loss 1.234, 830 tokens/s, 4 min left`."""
    parts = [f"step {event['step']}" + (f" of {event['steps']}" if event.get("steps") else "")]
    if "loss" in event:
        parts.append(f"loss {event['loss']:.4f}")
    if "tokens_per_second" in event:
        parts.append(f"{event['tokens_per_second']:.0f} tokens/s")
    if "seconds_left" in event:
        parts.append(f"{left_in_words(event['seconds_left'])} left")
    return ", ".join(parts)


def left_in_words(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def figures_in_words(event: Event) -> str:
    """The numbers of an event."""
    return ", ".join(f"{name} {value:.4g}" for name, value in figures(event).items())


def figures(event: Event) -> dict[str, float]:
    """The numbers of an event by name."""
    return {
        name: float(value)
        for name, value in event.items()
        if name not in _NOT_FIGURES and isinstance(value, int | float) and not isinstance(value, bool)
    }


def trackers(names: Sequence[str], folder: Path, run: str) -> list[Callable[[Event], None]]:
    """Listeners by name. Raises `UsageError` for an unknown one and `ModelError` where its package is missing."""
    makers = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
    made = []
    for name in names:
        if name not in makers:
            raise UsageError(f"There is no tracker {name!r}.", f"There are: {', '.join(makers)}.")
        try:
            made.append(makers[name](folder, run))
        except ImportError as error:
            cure = "pip install wandb" if name == "wandb" else "pip install 'crossroads-assistant[track]'"
            raise ModelError(f"The tracker {name!r} needs {error.name}, which is not there.", f"{cure}.") from error
    return made


def _tensorboard(folder: Path, run: str) -> Callable[[Event], None]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboard" / run))

    def hear(event: Event) -> None:
        for name, value in figures(event).items():
            writer.add_scalar(f"{event['event']}/{name}", value, event.get("step", 0))
        writer.flush()

    return hear


def _mlflow(folder: Path, run: str) -> Callable[[Event], None]:
    import os

    import mlflow

    if not os.environ.get("MLFLOW_TRACKING_URI"):
        mlflow.set_tracking_uri(f"sqlite:///{(folder / 'mlflow.db').absolute()}")
    mlflow.set_experiment("crossroads")
    mlflow.start_run(run_name=run)

    def hear(event: Event) -> None:
        named = {f"{event['event']}_{name}": value for name, value in figures(event).items()}
        mlflow.log_metrics(named, step=int(event.get("step", 0)))
        if event["event"] == "done":
            mlflow.end_run()

    return hear


def _wandb(folder: Path, run: str) -> Callable[[Event], None]:
    import importlib

    wandb: Any = importlib.import_module("wandb")
    tracked = wandb.init(project="crossroads", name=run, dir=str(folder))

    def hear(event: Event) -> None:
        named = {f"{event['event']}/{name}": value for name, value in figures(event).items()}
        tracked.log(named, step=int(event.get("step", 0)))
        if event["event"] == "done":
            tracked.finish()

    return hear
