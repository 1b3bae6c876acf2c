"""Evaluation runs of a home: those there are, and the one under way, which is a command in a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.record import RUN, RunRecord, read_run, read_sample_records
from graphs.errors import BusyError, CrossroadsError, NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.config import Settings

FOLDER = Path("eval", "runs")
"""Below the home, where `crossroads eval run` puts them too: a folder for each run."""
_DONE = re.compile(r"(\d+)\s*(?:of|/)\s*(\d+)")
_STOP_SECONDS = 10.0


def runs_folder(home: Path) -> Path:
    """Where the runs of a home are."""
    return home / FOLDER


def list_runs(home: Path) -> list[tuple[str, RunRecord]]:
    """Name and record of every run that can be read, the latest first."""
    found = []
    for file in runs_folder(home).glob(f"**/{RUN}"):
        try:
            found.append((file.parent.relative_to(runs_folder(home)).as_posix(), read_run(file.parent)))
        except CrossroadsError:
            continue  # a run of another version, or one being written
    return sorted(found, key=lambda pair: pair[1].started, reverse=True)


def run_folder(home: Path, name: str) -> Path:
    """The folder of a run by its name. Raises `NotFoundError`, also for a name that leads elsewhere."""
    root = runs_folder(home).resolve()
    folder = (root / name).resolve()
    if not name or not folder.is_relative_to(root) or not (folder / RUN).is_file():
        raise NotFoundError(f"There is no evaluation run {name!r}.", "Choose one from the list.")
    return folder


def shipped_suites() -> dict[str, str]:
    """The suites that ship and can be read: name → what each measures."""
    from eval.suite import SHIPPED, load_suite

    found = {}
    for file in sorted(SHIPPED.glob("*.yaml")):
        with contextlib.suppress(CrossroadsError):
            found[file.stem] = load_suite(file).description
    return found


def report_page(settings: Settings, name: str, before: str = "") -> str:
    """A run's report as a page of its own, beside an earlier run. Raises `NotFoundError`, `UsageError`."""
    from assistant.cli.eval_report import judge_of
    from eval.report.page import render

    folder = run_folder(settings.home, name)
    old = run_folder(settings.home, before) if before else None
    other = (read_run(old), read_sample_records(old)) if old else None
    record = read_run(folder)
    return render(record, read_sample_records(folder), other, judge_of(settings, record.judge))


def command_of(home: Path, name: str, suite: str, path: str, limit: int) -> list[str]:
    """The command that runs a suite into the folder of that name."""
    command = [sys.executable, "-m", "assistant", "eval", "run", suite, "--home", str(home)]
    command += ["--out", str(runs_folder(home) / name), "--json"]
    command += ["--path", path] if path else []
    return command + (["--limit", str(limit)] if limit else [])


@dataclass(frozen=True)
class Progress:
    """Where the run under way stands, for the page."""

    running: bool
    suite: str = ""
    line: str = ""
    """The last thing the command said."""
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    code: int | None = None
    """How it ended."""


def runner_of(assistant: Assistant) -> Runner:
    """The one overseer of a home's evaluations."""
    home = assistant.settings.home
    return _OVERSEERS.setdefault(home, Runner(home))


_OVERSEERS: dict[Path, Runner] = {}


class Runner:
    """At most one evaluation at a time, started from the page; it ends with this process."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._suite = ""
        self._began = 0.0
        self._ended = 0.0
        self._lines: list[str] = []

    def start(self, suite: str, path: str = "", limit: int = 0) -> str:
        """Begin a run; its name. Raises `BusyError` while another one is under way."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                raise BusyError(f"The suite {self._suite!r} is being run.", "Wait until it is done, or stop it.")
            stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
            name = f"{Path(suite).stem}-{stamp}"
            command = command_of(self._home, name, suite, path, limit)
            runs_folder(self._home).mkdir(parents=True, exist_ok=True)
            self._suite, self._lines, self._began, self._ended = suite, [], time.monotonic(), 0.0
            self._process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8",
                errors="replace", env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
            threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
            return name

    def stop(self) -> None:
        """End the run under way; what it did is kept."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def progress(self) -> Progress:
        """Where it stands now."""
        process = self._process
        if process is None:
            return Progress(running=False)
        code = process.poll()
        line = self._lines[-1] if self._lines else "starting"
        found = next((match for text in reversed(self._lines) if (match := _DONE.search(text))), None)
        done, total = (int(found[1]), int(found[2])) if found else (0, 0)
        until = self._ended or time.monotonic()
        return Progress(code is None, self._suite, line, done, total, round(until - self._began, 1), code)

    def _listen(self, process: Any) -> None:
        with process.stderr as lines:
            for line in lines:
                if line.strip():
                    self._lines = [*self._lines[-50:], line.strip()]
        process.wait()
        self._ended = time.monotonic()
