"""One engine, many requests: a worker thread serves them one at a time, in the order they came."""

from __future__ import annotations

import atexit
import queue
import threading
import weakref
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from assistant.engines.types import Engine, Sampling


@dataclass
class _Job:
    prompt: Sequence[int]
    sampling: Sampling
    ends: frozenset[int]
    tokens: queue.SimpleQueue[int | Exception | None] = field(default_factory=queue.SimpleQueue)
    """Ids as they come; None behind the last one; an exception where the engine failed."""
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self, engine: Engine) -> None:
        """Have the prompt continued, token by token, until whoever asked has enough."""
        engine.run(self.prompt, self.sampling, self.ends, self.emit)
        self.tokens.put(None)

    def fail(self, error: Exception) -> None:
        self.tokens.put(error)

    def emit(self, token: int) -> bool:
        if self.cancelled.is_set():
            return False
        self.tokens.put(token)
        return True


@dataclass
class _Batch:
    """Several prompts continued together."""

    prompts: Sequence[Sequence[int]]
    sampling: Sampling
    ends: frozenset[int]
    written: Future[list[list[int]]] = field(default_factory=Future)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self, engine: Engine) -> None:
        """Have all of them continued to their ends."""
        self.written.set_result(engine.run_together(self.prompts, self.sampling, self.ends))

    def fail(self, error: Exception) -> None:
        self.written.set_exception(error)


class Desk:
    """Takes requests for one engine. First come, first served; a slow reader holds up nobody."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._jobs: queue.SimpleQueue[_Job | _Batch | None] = queue.SimpleQueue()
        self._current: _Job | _Batch | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"engine-{engine.name}", daemon=True)
        self._thread.start()
        _open_desks.add(self)

    def tokens(self, prompt: Sequence[int], sampling: Sampling, ends: frozenset[int]) -> Generator[int]:
        """The new token ids. Closing the generator stops the engine within a token and frees it for the next."""
        job = _Job(prompt, sampling, ends)
        self._jobs.put(job)
        try:
            while (token := job.tokens.get()) is not None:
                if isinstance(token, Exception):
                    raise token
                yield token
        finally:
            job.cancelled.set()

    def together(self, prompts: Sequence[Sequence[int]], sampling: Sampling, ends: frozenset[int]) -> list[list[int]]:
        """The new token ids of every prompt, computed at once. Raises what the engine raises."""
        job = _Batch(prompts, sampling, ends)
        self._jobs.put(job)
        return job.written.result()

    def close(self) -> None:
        """Stop what runs and end the worker; later requests fail."""
        self._closed = True
        if self._current is not None:
            self._current.cancelled.set()
        self._jobs.put(None)
        self._thread.join(timeout=5)

    def close_when_idle(self) -> None:
        """End the worker behind the requests that were made before; waits for nothing."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.cancelled.is_set():
                continue
            if self._closed:
                job.fail(RuntimeError("the engine is closed"))
                continue
            self._current = job
            try:
                job.run(self.engine)
            except Exception as error:  # handed to the thread that asked
                job.fail(error)
            finally:
                self._current = None


_open_desks: weakref.WeakSet[Desk] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Native code must not be running when the interpreter is taken down."""
    for desk in list(_open_desks):
        desk.close()
