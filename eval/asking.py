"""Asks a target every sample: in batches, several at once where it allows, with a time limit, each answer kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

from eval.cache import Cache, key_of
from eval.sample import Sample
from eval.target import Output, Target
from graphs.errors import CrossroadsError

IN_A_ROW = 10
"""After so many failures from the start the rest is not asked: the target is not there."""
TIMEOUTS_IN_A_ROW = 3
"""After so many timeouts in a row the rest is not asked: what hangs goes on hanging."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    done: int
    total: int
    failed: int
    seconds: float
    """Since it began."""
    left: float | None
    """Seconds still to go, from the pace of what was really asked; None where that is not known yet."""
    sample_id: str = ""


@dataclass(frozen=True)
class Asked:
    """One sample asked once."""

    sample: Sample
    repeat: int
    output: Output
    cached: bool


@dataclass
class Asker:
    """Asks; `results` yields what comes back, in the order it comes."""

    target: Target
    identity: str
    """Hash of everything the target's outputs depend on."""
    cache: Cache
    timeout: float
    seed: int = 0
    cancel: threading.Event = field(default_factory=threading.Event)
    on_progress: Callable[[Progress], None] = lambda _: None
    _asked: int = 0
    _failed: int = 0
    _timeouts: int = 0
    _cure: str = "Mend the target, then run again."
    given_up: str = ""
    """Why the rest was not asked; empty where everything was."""

    def results(self, samples: Sequence[Sample], repeats: int) -> Iterator[Asked]:
        """Every sample `repeats` times. Stops early where `cancel` is set; a sample not asked for want of a target
        comes back as failed."""
        started, total, done, failed = time.monotonic(), len(samples) * repeats, 0, 0
        waiting: list[tuple[Sample, int]] = []
        for repeat in range(repeats):
            for sample in samples:
                kept = self.cache.get(self._key(sample, repeat))
                if kept is None:
                    waiting.append((sample, repeat))
                    continue
                done += 1
                yield Asked(sample, repeat, Output(**kept), cached=True)
        self.on_progress(Progress(done, total, 0, time.monotonic() - started, None))
        if waiting and not self.cancel.is_set():
            self._prepare()
        began, fresh = time.monotonic(), 0
        for asked in self._fresh(waiting):
            done, fresh, failed = done + 1, fresh + 1, failed + asked.output.failed
            pace = (time.monotonic() - began) / fresh
            seconds = time.monotonic() - started
            self.on_progress(Progress(done, total, failed, seconds, pace * (total - done), asked.sample.id))
            yield asked

    def _prepare(self) -> None:
        """A target that cannot be had fails every sample: there is a record, and no verdict."""
        try:
            self.target.prepare()
        except CrossroadsError as error:
            self.given_up = f"Not asked: {error.message}"
            self._cure = error.cure

    def _key(self, sample: Sample, repeat: int) -> str:
        return key_of("output", self.identity, sample.model_dump(mode="json"), self.seed + repeat)

    def _fresh(self, waiting: list[tuple[Sample, int]]) -> Iterator[Asked]:
        batches = _batches(waiting, max(1, self.target.batch))
        with ThreadPoolExecutor(max(1, self.target.concurrency), thread_name_prefix="eval") as pool:
            running: set[Future[list[Asked]]] = set()
            while True:
                free = max(1, self.target.concurrency) - len(running)
                started = [] if self.cancel.is_set() else list(islice(batches, free))
                running |= {pool.submit(self._ask, batch) for batch in started}
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield from future.result()

    def _ask(self, batch: list[tuple[Sample, int]]) -> list[Asked]:
        if self.given_up:
            error = {"type": "not_asked", "message": self.given_up, "cure": self._cure}
            return [Asked(sample, repeat, Output(error=error), cached=False) for sample, repeat in batch]
        began = time.monotonic()
        outputs = self._within_time([sample for sample, _ in batch], batch[0][1])
        each = (time.monotonic() - began) / len(batch)
        found = []
        for (sample, repeat), output in zip(batch, outputs, strict=True):
            timed = output if output.seconds else output.model_copy(update={"seconds": round(each, 4)})
            if not timed.failed:
                self.cache.put(self._key(sample, repeat), timed.model_dump(mode="json"))
            self._count(timed)
            found.append(Asked(sample, repeat, timed, cached=False))
        return found

    def _within_time(self, samples: list[Sample], repeat: int) -> list[Output]:
        """What the target gives in time. One that hangs cannot be killed: its thread is left behind."""
        box: list[list[Output] | BaseException] = []
        out_of_time = threading.Event()

        def work() -> None:
            try:
                box.append(self.target.ask(samples, self.seed + repeat, out_of_time))
            except BaseException as error:
                box.append(error)

        thread = threading.Thread(target=work, name="eval-sample", daemon=True)
        thread.start()
        thread.join(self.timeout * len(samples))
        if not box:
            out_of_time.set()
            return [_timed_out(self.timeout)] * len(samples)
        if isinstance(box[0], CrossroadsError):
            return [Output(error=box[0].as_json()["error"])] * len(samples)
        if isinstance(box[0], BaseException):
            raise box[0]
        return box[0]

    def _count(self, output: Output) -> None:
        self._asked += 1
        self._failed += output.failed
        timed_out = output.error is not None and output.error["type"] == "timeout"
        self._timeouts = self._timeouts + 1 if timed_out else 0
        if output.error is None:
            return
        if self._failed == self._asked == IN_A_ROW or self._timeouts == TIMEOUTS_IN_A_ROW:
            many = TIMEOUTS_IN_A_ROW if self._timeouts == TIMEOUTS_IN_A_ROW else IN_A_ROW
            self.given_up = f"Not asked: the target failed {many} times in a row ({output.error['message']})"


def _batches(waiting: list[tuple[Sample, int]], size: int) -> Iterator[list[tuple[Sample, int]]]:
    """Batches of one repeat each: a batch has one seed."""
    at = 0
    while at < len(waiting):
        same = [item for item in waiting[at : at + size] if item[1] == waiting[at][1]]
        yield same
        at += len(same)


def _timed_out(seconds: float) -> Output:
    message = f"The target did not answer in {seconds:g} s."
    cure = "Raise `timeout` in the suite, or see why it hangs."
    return Output(error={"type": "timeout", "message": message, "cure": cure}, seconds=seconds)
