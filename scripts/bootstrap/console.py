"""What set-up prints: lines that stay, and on a terminal one line below them that moves."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from typing import TextIO

QUIET_SECONDS = 15.0
"""Where the output is a file or a log, a job that only moves is mentioned this often."""


class Console:
    """Prints from several threads. On a terminal the last line shows every running job; a log is never rewritten."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._lock = threading.Lock()
        self._jobs: dict[str, tuple[float, str]] = {}
        self._mentioned: dict[str, float] = {}
        self._resting: set[str] = set()

    def line(self, text: str = "") -> None:
        """A line that stays."""
        with self._lock:
            self._clear()
            print(text, file=self._stream, flush=True)
            self._draw()

    def begin(self, job: str) -> None:
        """A job starts: from now on it has a place in the moving line."""
        with self._lock:
            now = time.monotonic()
            self._jobs[job] = (now, "")
            self._mentioned[job] = now

    def status(self, job: str, text: str) -> None:
        """What a running job is doing now."""
        with self._lock:
            started, _ = self._jobs[job]
            self._jobs[job] = (started, text)
            if self._live:
                self._clear()
                self._draw()
            elif time.monotonic() - self._mentioned[job] >= QUIET_SECONDS:
                self._mention(job)

    def rest(self, job: str) -> None:
        """A job is over but for its last line: it is not mentioned any more."""
        with self._lock:
            self._resting.add(job)

    def tick(self) -> None:
        """Let time be seen to pass: called a few times a second while jobs run."""
        with self._lock:
            if self._live:
                self._clear()
                self._draw()
                return
            for job in self._jobs:
                if job not in self._resting and time.monotonic() - self._mentioned[job] >= QUIET_SECONDS:
                    self._mention(job)

    def end(self, job: str, text: str, seconds: float = -1.0) -> None:
        """A job is over; `text` stays, with the time it took: until now, if `seconds` does not say."""
        with self._lock:
            started, _ = self._jobs.pop(job)
            self._resting.discard(job)
            took = seconds if seconds >= 0 else time.monotonic() - started
            self._clear()
            print(f"  {job:<9} {text} ({clock(took)})", file=self._stream, flush=True)
            self._draw()

    def _mention(self, job: str) -> None:
        started, text = self._jobs[job]
        self._mentioned[job] = time.monotonic()
        doing = f": {text}" if text else ""
        print(f"  {job:<9} … {clock(time.monotonic() - started)}{doing}", file=self._stream, flush=True)

    def _draw(self) -> None:
        if not self._live or not self._jobs:
            return
        now = time.monotonic()
        parts = [
            f"{job} {clock(now - started)} {text}".strip()
            for job, (started, text) in self._jobs.items()
            if job not in self._resting
        ]
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(("  " + "  ·  ".join(parts))[:width])
        self._stream.flush()

    def _clear(self) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")


def clock(seconds: float) -> str:
    """Seconds as `1:05`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def size(count: float) -> str:
    """Bytes as people read them: `93 MB`, `2.9 GB`."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{max(1, round(count / 1e6))} MB" if count else "0 MB"
