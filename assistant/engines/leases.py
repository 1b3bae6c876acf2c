"""Engines of models that may be replaced while they answer: shared by whoever uses one, closed when nobody does.

A version that goes live is loaded beside the old one. Turns under way hold the old one through their chat model, so
they end with it; with the last of them it is closed and its memory is free again.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from assistant.engines.loading import Loaded


class Lease:
    """One model's engine: loaded by the first who asks, closed with the last who holds this object."""

    def __init__(self, load: Callable[[], Loaded]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None

    def __call__(self) -> Loaded:
        """The engine. Raises `ModelError` where it cannot be loaded."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
                weakref.finalize(self, self._loaded.desk.close_when_idle)
            return self._loaded


_leases: weakref.WeakValueDictionary[str, Lease] = weakref.WeakValueDictionary()
_guard = threading.Lock()


def lease(key: str, load: Callable[[], Loaded]) -> Lease:
    """The lease of that key; the one there is, or a new one. `load` is called at most once in its life."""
    with _guard:
        found = _leases.get(key)
        if found is None:
            found = _leases[key] = Lease(load)
        return found
