"""The cycle started from the page: one at a time, in a process of its own, watched through its record."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from assistant.improving.cycle import cycles, unfinished
from graphs.errors import BusyError

STEPS = {
    "data": "choose data", "recipe": "choose how", "train": "train", "register": "register", "export": "export",
    "evaluate": "compare with what is live", "gate": "judge",
}  # fmt: skip
"""The steps in the order they are done, in words."""


class Improvements:
    """The cycles of one home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> bool:
        """Begin a cycle, or go on with the one that was interrupted; whether it is the latter.

        Raises `BusyError` where one is at work.
        """
        with self._lock:
            if self.running():
                raise BusyError("A cycle is at work.", "Wait for it, or stop it.")
            again = bool(unfinished(self._home))
            command = [sys.executable, "-m", "assistant", "improve", "--json", *(["--resume"] if again else [])]
            self._output().parent.mkdir(parents=True, exist_ok=True)
            with self._output().open("wb") as output:
                environment = {**os.environ, "CROSSROADS_HOME": str(self._home)}
                self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=output, env=environment)
            return again

    def running(self) -> bool:
        """Whether one is at work."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> bool:
        """End the one at work; what is done is kept, and the next start goes on. Whether there was one."""
        if self._process is None or not self.running():
            return False
        self._process.send_signal(signal.SIGINT)
        return True

    def wait(self, seconds: float) -> None:
        """Wait for the one at work to end."""
        if self._process is not None:
            self._process.wait(seconds)

    def progress(self) -> dict[str, Any]:
        """Whether one is at work, and the last thing it said."""
        try:
            lines = self._output().read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except FileNotFoundError:
            lines = []
        return {"running": self.running(), "line": lines[-1][:300] if lines else ""}

    def records(self) -> list[dict[str, Any]]:
        """Every cycle's record, the latest first."""
        return [cycle.record() for cycle in cycles(self._home)]

    def _output(self) -> Path:
        return self._home / "improve" / "output.txt"


def improvements_of(home: Path) -> Improvements:
    """The one overseer of a home's cycles in this process."""
    return _OVERSEERS.setdefault(home, Improvements(home))


_OVERSEERS: dict[Path, Improvements] = {}
