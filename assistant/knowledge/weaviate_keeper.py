"""The process that owns an embedded Weaviate: starts it, and stops it when nobody has used it for a while.

Runs by itself as `python -I weaviate_keeper.py` with a JSON `Job` on standard input, so it imports the standard library
only and is up in milliseconds. It outlives the command that started it. Users of the server hold a shared lock on the
`users` file for as long as they use it; the kernel frees the lock of a user that was killed. A keeper that is killed
leaves the server running: the next user starts another keeper, which adopts it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

STOP_SECONDS = 30.0
"""How long a server may take to write its state down before it is killed."""


@dataclass(frozen=True)
class Job:
    """What a keeper keeps. Travels on standard input, because arguments are visible to every user of the machine."""

    command: list[str]
    """How the server is started; not used when one is adopted."""
    environment: dict[str, str]
    log: str
    record: str
    """The file that says where the server is; this keeper writes it and takes it away."""
    about: dict[str, Any]
    """What the record says besides the process id."""
    users: str
    start_lock: str
    keeper_lock: str
    linger: float
    adopt: int = 0
    """Process id of a running server to watch instead of starting one."""


class Keeper:
    """Watches one server."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.told_to_stop = False
        self.child: subprocess.Popen[bytes] | None = None
        self.pid = job.adopt
        self.mark = started(job.adopt) if job.adopt else None

    def run(self) -> int:
        """Own the server until it ends, is left alone for `linger` seconds, or this process is told to stop."""
        with open(self.job.keeper_lock, "a") as alone:
            if not lock(alone, fcntl.LOCK_EX, seconds=2.0):
                return 3  # another keeper is at it
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._heed)
            if not self.pid:
                self._start()
            self._write_record()
            os.close(1)  # tells the command that started us that the record stands
            self._watch()
        return 0

    def _heed(self, _number: int, _frame: FrameType | None) -> None:
        self.told_to_stop = True

    def _start(self) -> None:
        with open(self.job.log, "ab") as log:
            self.child = subprocess.Popen(
                self.job.command, env=self.job.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )
        self.pid = self.child.pid
        self.mark = started(self.pid)

    def _write_record(self) -> None:
        record = Path(self.job.record)
        part = record.with_suffix(f".{os.getpid()}.part")
        part.touch(mode=0o600)
        about = {**self.job.about, "pid": self.pid, "pid_started": self.mark or "", "keeper": os.getpid()}
        part.write_text(json.dumps(about))
        part.replace(record)

    def _watch(self) -> None:
        idle_since = time.time()
        pause = min(0.5, max(0.05, self.job.linger / 4))
        while self._alive():
            try:
                if self.told_to_stop:
                    self._end()
                elif self._in_use():
                    idle_since = time.time()
                elif time.time() - max(idle_since, self._last_use()) >= self.job.linger:
                    self._end_if_still_idle()
            except FileNotFoundError:  # the home folder was removed under us
                self._end()
            time.sleep(pause)
        self._forget()

    def _alive(self) -> bool:
        if self.child is not None:
            return self.child.poll() is None
        return self.mark is not None and started(self.pid) == self.mark

    def _in_use(self) -> bool:
        with open(self.job.users, "r+") as users, exclusive(users) as free:  # never makes it anew
            return not free

    def _last_use(self) -> float:
        return os.stat(self.job.users).st_mtime

    def _end_if_still_idle(self) -> None:
        """Stop with both locks held, so that nobody connects to a server about to go."""
        with (
            open(self.job.start_lock, "a") as start,
            open(self.job.users, "r+") as users,
            exclusive(start) as nobody_starts,
            exclusive(users) as nobody_uses,
        ):
            if nobody_starts and nobody_uses and time.time() - self._last_use() >= self.job.linger:
                self._end()

    def _end(self) -> None:
        self._signal(signal.SIGTERM)
        self._forget()
        deadline = time.monotonic() + STOP_SECONDS
        while self._alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        if self._alive():
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def _forget(self) -> None:
        """Take the record away, unless it already speaks of another server."""
        record = Path(self.job.record)
        with contextlib.suppress(OSError, ValueError):
            if json.loads(record.read_text()).get("pid") == self.pid:
                record.unlink()


@contextlib.contextmanager
def exclusive(file: Any) -> Iterator[bool]:
    """Try the exclusive lock of an open file without waiting; yields whether it was had, and frees it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def lock(file: Any, kind: int, seconds: float) -> bool:
    """Wait at most `seconds` for a lock of the given kind; says whether it was had."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)


def started(pid: int) -> str | None:
    """A mark that tells this process from a later one with the same id; None when it is gone (or only a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _started_by_ps(pid) if not Path("/proc/self/stat").exists() else None
    return None if fields[0] in "ZX" else fields[19]


def _started_by_ps(pid: int) -> str | None:
    found = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, since = found.stdout.strip().partition(" ")
    return since.strip() if state and not state.startswith("Z") else None


def main() -> int:
    """Leave the command that started us and keep the server; its standard output closes once the record stands."""
    job = Job(**json.load(sys.stdin))
    if os.fork():
        os._exit(0)
    return Keeper(job).run()


if __name__ == "__main__":
    sys.exit(main())
