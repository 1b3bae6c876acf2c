"""Training started from the page: one run at a time, in a process of its own, watched through its log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphs.errors import BusyError, NotFoundError, UsageError
from training.plot import curves
from training.recipe import RECIPES, find_recipe, read_values
from training.run import read_events


@dataclass(frozen=True)
class RecipeInfo:
    """A recipe as a list shows it."""

    name: str
    stage: str
    about: str
    """The first sentence of its comment."""


@dataclass(frozen=True)
class RunInfo:
    """A run on disk."""

    name: str
    stage: str
    state: str
    """running, done, stopped or failed."""
    step: int
    steps: int
    loss: float | None
    began: float


def recipes() -> list[RecipeInfo]:
    """The recipes that ship, by name."""
    found = []
    for path in sorted(RECIPES.glob("*.yaml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        about = lines[0].lstrip("# ").strip() if lines and lines[0].startswith("#") else ""
        stage = next((line.partition(":")[2].strip() for line in lines if line.startswith("stage:")), "")
        found.append(RecipeInfo(path.stem, stage, about))
    return found


def recipe_text(name: str) -> str:
    """A shipped recipe as it is written. Raises `NotFoundError`."""
    if name not in {one.name for one in recipes()}:
        raise NotFoundError(f"There is no recipe {name!r}.", "Choose one of the list.")
    return find_recipe(name).read_text(encoding="utf-8")


class Trainings:
    """The runs of one home, below `HOME/runs`."""

    def __init__(self, home: Path) -> None:
        self._home, self._folder = home, home / "runs"
        self._process: subprocess.Popen[bytes] | None = None
        self._name = ""
        self._lock = threading.Lock()

    def start(self, recipe: str, keys: str, resume: bool = False) -> str:
        """Begin a run of a shipped recipe; `keys` holds `key=value` lines. The run's name.

        Raises `BusyError` where one is at work, `UsageError` and `SettingsError` for what is wrong with recipe or keys.
        """
        with self._lock:
            if self.running():
                raise BusyError(f"The run {self._name!r} is at work.", "Wait for it, or stop it.")
            sets = _sets(keys)
            recipe_text(recipe)
            name = (
                str(read_values(find_recipe(recipe), {}).get("name", recipe)) if not sets.get("name") else sets["name"]
            )
            folder = self._folder / name
            command = [sys.executable, "-m", "assistant", "train", recipe, "--json", "--set", f"out={folder}"]
            command += [part for key, value in sets.items() if key != "out" for part in ("--set", f"{key}={value}")]
            if resume or (folder / "config.json").is_file():
                command.append("--resume")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "started.json").write_text(json.dumps({"recipe": recipe, "keys": keys}), encoding="utf-8")
            with (folder / "output.txt").open("wb") as output:
                environment = {**os.environ, "CROSSROADS_HOME": str(self._home)}
                self._process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
            self._name = name
            return name

    def running(self) -> bool:
        """Whether a run is at work."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> bool:
        """Ask the run to write a checkpoint and end; whether there was one."""
        if self._process is None or not self.running():
            return False
        self._process.send_signal(signal.SIGINT)
        return True

    def list(self) -> list[RunInfo]:
        """The runs there are, the latest first."""
        infos = [self._info(path.parent) for path in self._folder.glob("*/started.json")]
        return sorted(infos, key=lambda info: -info.began)

    def watch(self, name: str) -> dict[str, Any]:
        """A run's losses, last figures and what it said. Raises `NotFoundError`."""
        folder = self._run(name)
        events = read_events(folder)
        info = self._info(folder)
        last: dict[str, Any] = next((event for event in reversed(events) if event["event"] == "step"), {})
        said = [str(event["text"]) for event in events if event["event"] in {"note", "estimate"}]
        error = "" if info.state != "failed" else self._last_line(folder)
        return {
            "name": name,
            "state": info.state,
            "curves": curves(events),
            "last": last,
            "said": said[-8:],
            "error": error,
        }

    def _info(self, folder: Path) -> RunInfo:
        events = read_events(folder)
        last: dict[str, Any] = next((event for event in reversed(events) if event["event"] == "step"), {})
        begun = [event["time"] for event in events[:1]]
        config = folder / "config.json"
        stage = json.loads(config.read_text(encoding="utf-8"))["recipe"]["stage"] if config.is_file() else ""
        began = begun[0] if begun else (folder / "started.json").stat().st_mtime
        loss = last.get("loss")
        return RunInfo(
            folder.name, stage, self._state(folder, events), last.get("step", 0), last.get("steps", 0), loss, began
        )

    def _state(self, folder: Path, events: Sequence[dict[str, Any]]) -> str:
        if self.running() and folder.name == self._name:
            return "running"
        if any(event["event"] == "done" for event in events[-1:]):
            return "done"
        stopped = any(event["event"] == "note" and "--resume" in event["text"] for event in events[-2:])
        return "stopped" if stopped else "failed"

    def _last_line(self, folder: Path) -> str:
        """Why a run failed: the message of the error the command printed."""
        try:
            lines = (folder / "output.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except FileNotFoundError:
            return ""
        for line in reversed(lines):
            try:
                error = json.loads(line)["error"]
                return f"{error['message']} {error['cure']}"
            except (ValueError, KeyError, TypeError):
                continue
        return lines[-1][:300] if lines else ""

    def _run(self, name: str) -> Path:
        folder = self._folder / name
        if "/" in name or not (folder / "started.json").is_file():
            raise NotFoundError(f"There is no run {name!r}.", "Choose one of the list.")
        return folder

    def wait(self, seconds: float) -> bool:
        """Wait for the run at work to end; whether it has."""
        end = time.monotonic() + seconds
        while self.running() and time.monotonic() < end:
            time.sleep(0.05)
        return not self.running()


def _sets(keys: str) -> dict[str, str]:
    found = {}
    for line in keys.splitlines():
        if not line.strip():
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{line!r} sets nothing.", "Write one key=value a line, such as steps=100.")
        found[key.strip()] = value.strip()
    return found
