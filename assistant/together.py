"""Work that several threads ask for at once, done in one pass: what waits while a pass runs goes into the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Wanted(Generic[Item, Result]):
    items: list[Item]
    done: threading.Event = field(default_factory=threading.Event)
    results: list[Result] = field(default_factory=list)
    error: BaseException | None = None


class Together(Generic[Item, Result]):
    """Joins small calls of `work` that come while others run; a call that finds room runs at once, with no wait.

    `work` gives one result an item, whatever the items beside it. Safe under threads.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]], passes: int, most: int) -> None:
        """`passes` run at once. A call of more than `most` items is large already: it runs by itself."""
        self._work = work
        self._most = most
        self._room = threading.Semaphore(passes)
        self._guard = threading.Lock()
        self._waiting: list[_Wanted[Item, Result]] = []

    def run(self, items: Sequence[Item]) -> Sequence[Result]:
        """The results of the items. Raises what `work` raised for the pass they were in."""
        if len(items) > self._most:
            return self._work(items)
        wanted: _Wanted[Item, Result] = _Wanted(list(items))
        with self._guard:
            self._waiting.append(wanted)
        with self._room:
            with self._guard:
                mine = self._taken() if wanted in self._waiting else []
            self._pass(mine)
        wanted.done.wait()
        if wanted.error is not None:
            raise wanted.error
        return wanted.results

    def _taken(self) -> list[_Wanted[Item, Result]]:
        """The calls of the next pass, the oldest first."""
        taken: list[_Wanted[Item, Result]] = []
        while self._waiting and sum(len(one.items) for one in taken) < self._most:
            taken.append(self._waiting.pop(0))
        return taken

    def _pass(self, calls: list[_Wanted[Item, Result]]) -> None:
        if not calls:
            return
        try:
            results = list(self._work([item for one in calls for item in one.items]))
            for one in calls:
                one.results, results = results[: len(one.items)], results[len(one.items) :]
        except BaseException as error:
            for one in calls:
                one.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            for one in calls:
                one.done.set()
