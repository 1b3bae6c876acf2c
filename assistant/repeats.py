"""Answers kept to be given again: in memory, under everything they rest on, so that a change leaves them unfound.

A key holds the models, the state of the collection, the worked examples, the remembered facts, the prompts and the
limits of the request. Routers, readers and checkers are loaded once a process, and so are settings; an answer does not
outlive the process.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphs.answer import Answer


class Repeats:
    """The latest answers of one assistant; the least recently used leaves first. Safe under threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Answer] = OrderedDict()

    def resting_on(self, parts: Sequence[Any], *, fresh: bool) -> BoundRepeats | None:
        """The answers that rest on these things; `fresh` gives none and still keeps. None where none are kept."""
        return BoundRepeats(self, json.dumps(list(parts), default=str), fresh) if self._most else None

    def get(self, key: str) -> Answer | None:
        """The answer under a key."""
        with self._lock:
            answer = self._kept.get(key)
            if answer is not None:
                self._kept.move_to_end(key)
            return answer

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer under a key."""
        with self._lock:
            self._kept[key] = answer
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget them all: somebody said what they think of an answer, and the next should heed it."""
        with self._lock:
            self._kept.clear()


@dataclass(frozen=True)
class BoundRepeats:
    """The answers that rest on what a request rests on (`graphs.context.Repeats`)."""

    repeats: Repeats
    rests_on: str
    fresh: bool

    def find(self, asked: str) -> Answer | None:
        """The answer to the same request, on the same ground."""
        return None if self.fresh else self.repeats.get(self._key(asked))

    def keep(self, asked: str, answer: Answer) -> None:
        """Keep it for the next time."""
        self.repeats.put(self._key(asked), answer)

    def _key(self, asked: str) -> str:
        return hashlib.sha256(f"{self.rests_on}\0{asked}".encode()).hexdigest()
