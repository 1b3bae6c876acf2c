"""What each path lately took: looked up now and then, and kept up in memory meanwhile, as every turn asks for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median

from graphs.answer import PATHS, Expected, Path

MEASURED_TURNS = 20
"""Of each path, the latest: older ones may have run on another model."""
_LOOK_SECONDS = 60.0
"""How long turns of other processes may go unseen."""


class Measured:
    """Medians of the latest turns by path. `latest` looks them up, the latest first. Safe under threads."""

    def __init__(self, latest: Callable[[Path], Sequence[tuple[float, float]]]) -> None:
        self._latest = latest
        self._lock = threading.Lock()
        self._turns: dict[Path, deque[tuple[float, float]]] = {}
        self._looked = float("-inf")

    def took(self, path: Path, seconds: float, cost_usd: float) -> None:
        """Take note of a turn; one that took no time, as it was stopped or repeated, says nothing."""
        with self._lock:
            if seconds > 0 and path in self._turns:
                self._turns[path].append((seconds, cost_usd))

    def expected(self) -> dict[Path, Expected]:
        """Path → medians; paths never taken are absent."""
        with self._lock:
            if time.monotonic() - self._looked > _LOOK_SECONDS:
                self._turns = {path: deque(self._latest(path)[::-1], MEASURED_TURNS) for path in PATHS}
                self._looked = time.monotonic()
            return {path: _medians(turns) for path, turns in self._turns.items() if turns}


def _medians(turns: Sequence[tuple[float, float]]) -> Expected:
    return Expected(seconds=median(one[0] for one in turns), cost_usd=median(one[1] for one in turns))
