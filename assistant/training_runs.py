"""Training started from the page: one run at a time, in a process of its own, watched through its log.

`started.json` in a run's folder says which process it is: a service that was started anew knows the run, shows it and
stops it as the one that began it would.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from graphs.errors import BusyError, NotFoundError, UsageError
from training.plot import curves
from training.recipe import RECIPES, find_recipe, read_values
from training.registry import write_whole
from training.run import read_events

if TYPE_CHECKING:
    from assistant.app import Assistant

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


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


def trainings_of(assistant: Assistant) -> Trainings:
    """The one overseer of a home's runs."""
    home = assistant.settings.home
    return _OVERSEERS.setdefault(home, Trainings(home))


_OVERSEERS: dict[Path, Trainings] = {}


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
        self._children: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def start(self, recipe: str, keys: str, resume: bool = False) -> str:
        """Begin a run of a shipped recipe; `keys` holds `key=value` lines. The run's name.

        Raises `BusyError` where one is at work, `UsageError` and `SettingsError` for what is wrong with recipe or keys.
        """
        with self._lock:
            if at_work := self.running():
                raise BusyError(f"The run {at_work!r} is at work.", "Wait for it, or stop it.")
            sets = _sets(keys)
            recipe_text(recipe)
            name = sets.get("name") or str(read_values(find_recipe(recipe), {}).get("name", recipe))
            if not _NAME.fullmatch(name):
                raise UsageError(f"A run cannot be called {name!r}.", "Take small letters, digits, dots and dashes.")
            folder = self._folder / name
            command = [sys.executable, "-m", "assistant", "train", recipe, "--json", "--set", f"out={folder}"]
            command += [part for key, value in sets.items() if key != "out" for part in ("--set", f"{key}={value}")]
            if resume or (folder / "config.json").is_file():
                command.append("--resume")
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "output.txt").open("wb") as output:
                environment = {**os.environ, "CROSSROADS_HOME": str(self._home)}
                # a session of its own: what ends the service by the terminal leaves the run at work
                process = subprocess.Popen(
                    command, stdout=output, stderr=output, env=environment, start_new_session=True
                )
            about = {"recipe": recipe, "keys": keys, "pid": process.pid, "began": _began(process.pid)}
            write_whole(folder / "started.json", json.dumps(about))
            self._children.append(process)
            return name

    def resume(self, name: str) -> str:
        """Go on with a run as it was started. Raises `NotFoundError`, and what `start` raises."""
        about = _about(self._run(name))
        keys = str(about.get("keys", ""))
        named = keys if _sets(keys).get("name") else f"{keys}\nname={name}"
        return self.start(str(about.get("recipe", "")), named, resume=True)

    def running(self) -> str:
        """The name of the run at work, whoever started it; empty where there is none."""
        for child in self._children:
            child.poll()  # one that has ended is let go of
        return next((path.parent.name for path in self._folder.glob("*/started.json") if _process(path.parent)), "")

    def stop(self) -> bool:
        """Ask the run to write a checkpoint and end; whether there was one."""
        name = self.running()
        process = _process(self._folder / name) if name else None
        if process is None:
            return False
        process.send_signal(signal.SIGINT)
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
        if _process(folder):
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


def _about(folder: Path) -> dict[str, Any]:
    """How a run was started; empty where that cannot be read."""
    try:
        found = json.loads((folder / "started.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _began(pid: int) -> float:
    """When a process began; with its number it names the process, for numbers are given again."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def _process(folder: Path) -> psutil.Process | None:
    """The process of a run that is at work."""
    about = _about(folder)
    try:
        process = psutil.Process(int(about["pid"]))
        alive = abs(process.create_time() - float(about["began"])) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (KeyError, TypeError, ValueError, psutil.Error):
        return None
    return process if alive else None


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
