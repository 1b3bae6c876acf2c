"""Programs that set-up starts: their output goes to the console, and none outlives an interrupted set-up."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .console import Console
from .places import ROOT

TICK_SECONDS = 0.25


@dataclass
class Job:
    """A program under way. `code` is its exit status once it is over, `tail` its last lines."""

    name: str
    process: subprocess.Popen[str]
    reader: threading.Thread = field(default_factory=threading.Thread)
    tail: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it ran. Only for a job that is over."""
        return self.ended - self.began

    @property
    def running(self) -> bool:
        """Whether the program runs or what it wrote is still being read."""
        return self.process.poll() is None or self.reader.is_alive()

    @property
    def code(self) -> int:
        """The exit status. Only for a job that is over."""
        return int(self.process.returncode)


class Jobs:
    """Starts programs, waits for them, and stops what is left when set-up ends early."""

    def __init__(self, console: Console, environment: Mapping[str, str], held: Sequence[int] = ()) -> None:
        self.console = console
        self._environment = dict(environment)
        self._held = tuple(held)  # open files every program keeps: set-up's lock, should set-up itself be killed
        self._running: list[Job] = []

    def start(self, name: str, command: Sequence[str | Path], on_line: Callable[[str], None]) -> Job:
        """Start a program; `on_line` gets each line it writes, from another thread."""
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=self._held,
        )
        job = Job(name, process)
        job.reader = threading.Thread(target=_read, args=(job, on_line), daemon=True)
        self._running.append(job)
        self.console.begin(name)
        job.reader.start()
        return job

    def wait(self, *jobs: Job) -> None:
        """Return when the given jobs are over."""
        while any(job.running for job in jobs):
            self.console.tick()
            for job in jobs:
                if job.running:
                    job.reader.join(TICK_SECONDS)
                    break
        self._running = [job for job in self._running if job not in jobs]

    def stop(self) -> None:
        """End everything that still runs, with what it started in turn."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for job in self._running:
                if job.process.poll() is None:
                    _signal_group(job.process.pid, sign)
            for job in self._running:
                try:
                    job.process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    continue


def _read(job: Job, on_line: Callable[[str], None]) -> None:
    for raw in job.process.stdout or ():
        line = raw.rstrip()
        if line:
            job.tail.append(line)
            del job.tail[:-40]
            on_line(line)
    if job.process.stdout:
        job.process.stdout.close()
    job.process.wait()
    job.ended = time.monotonic()


def _signal_group(leader: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, sign)
