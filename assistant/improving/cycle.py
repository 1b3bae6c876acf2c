"""One turn of the cycle on disk: what was chosen, trained, measured and judged, step by step.

    HOME/improve/ID/cycle.json      what was asked for, and the result of every step that is done
    HOME/improve/ID/run/            the training run
    HOME/improve/ID/export/         the exported model with its parity report
    HOME/improve/ID/eval/           the evaluation runs, `SUITE-live` and `SUITE-candidate`
    HOME/improve/ID/verdict.json    what the gate said

A step's result is written when the step is done, in one piece. After a kill the next start repeats the step that was
under way, which itself goes on from its last checkpoint or cached answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphs.errors import BusyError, CrossroadsError, NotFoundError, StorageError, UsageError
from training.registry import write_whole

FOLDER = "improve"
RECORD = "cycle.json"
Tell = Callable[[str], None]
Step = Callable[["Cycle"], dict[str, Any]]


class Cycle:
    """One cycle's folder."""

    def __init__(self, folder: Path, tell: Tell = lambda _: None) -> None:
        self.folder, self.tell = folder, tell

    @property
    def name(self) -> str:
        """Its id."""
        return self.folder.name

    def record(self) -> dict[str, Any]:
        """What is known of it. Raises `NotFoundError`, `StorageError`."""
        try:
            return dict(json.loads((self.folder / RECORD).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise NotFoundError(f"There is no cycle {self.name!r}.", "See `crossroads improve --list`.") from None
        except ValueError as error:
            cure = "Delete its folder and start another."
            raise StorageError(f"{str(self.folder / RECORD)!r} is damaged: {error}.", cure) from None

    @property
    def options(self) -> dict[str, Any]:
        """What was asked for."""
        return dict(self.record()["options"])

    def result(self, step: str) -> dict[str, Any]:
        """What a step that is done left."""
        return dict(self.record()["steps"][step])

    def note(self, step: str, **values: Any) -> None:
        """Write down something of a step that is under way, so that it is done the same way after a kill."""
        record = self.record()
        record.setdefault("under_way", {}).setdefault(step, {}).update(values)
        self._write(record)

    def noted(self, step: str) -> dict[str, Any]:
        """What was written down of a step under way."""
        return dict(self.record().get("under_way", {}).get(step, {}))

    def run(self, steps: Mapping[str, Step]) -> dict[str, Any]:
        """Do every step that is not done yet; the whole record. Raises what a step fails with, `BusyError` where the
        cycle is at work in another process."""
        with self._alone():
            for name, step in steps.items():
                if name in self.record()["steps"]:
                    continue
                self.tell(f"{name}: begins")
                self._put(name, self._done(name, step))
            return self.record()

    def _done(self, name: str, step: Step) -> dict[str, Any]:
        try:
            return step(self)
        except CrossroadsError as error:
            self._write({**self.record(), "failed": {"step": name, **error.as_json()["error"]}})
            raise

    def _put(self, step: str, result: dict[str, Any]) -> None:
        record = self.record()
        record["steps"][step] = {**result, "ended": _now()}
        record.pop("failed", None)
        self._write(record)
        self.tell(f"{step}: {result.get('text', 'done')}")

    def _write(self, record: Mapping[str, Any]) -> None:
        write_whole(self.folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False))

    def _alone(self) -> AbstractContextManager[Any]:
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / ".lock", timeout=0)
        try:
            return lock.acquire()
        except Timeout:
            raise BusyError(f"The cycle {self.name!r} is at work.", "Wait for it, or end that process.") from None


def begin(home: Path, options: Mapping[str, Any], tell: Tell = lambda _: None) -> Cycle:
    """A new cycle. Raises `UsageError` where the last one is not finished."""
    open_one = unfinished(home)
    if open_one:
        cure = "Go on with --resume, or leave it with --new."
        raise UsageError(f"The cycle {open_one!r} is not finished.", cure)
    return _begun(home, options, tell)


def begin_anew(home: Path, options: Mapping[str, Any], tell: Tell = lambda _: None) -> Cycle:
    """A new cycle, whatever became of the last one."""
    return _begun(home, options, tell)


def resume(home: Path, tell: Tell = lambda _: None) -> Cycle:
    """The last cycle, to go on with it. Raises `NotFoundError` where there is none to go on with."""
    found = unfinished(home)
    if not found:
        raise NotFoundError("No cycle is unfinished.", "Start one: `crossroads improve`.")
    return Cycle(home / FOLDER / found, tell)


def unfinished(home: Path) -> str:
    """The last cycle where it has no verdict yet, else nothing."""
    last = next(iter(cycles(home)), None)
    return last.name if last and "gate" not in last.record()["steps"] else ""


def cycles(home: Path) -> list[Cycle]:
    """Every cycle of a home, the latest first."""
    return [Cycle(path.parent) for path in sorted((home / FOLDER).glob(f"*/{RECORD}"), reverse=True)]


def _begun(home: Path, options: Mapping[str, Any], tell: Tell) -> Cycle:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    cycle, number = Cycle(home / FOLDER / stamp, tell), 1
    while cycle.folder.exists():
        number += 1
        cycle = Cycle(home / FOLDER / f"{stamp}-{number}", tell)
    cycle.folder.mkdir(parents=True)
    cycle._write({"id": cycle.name, "created": _now(), "options": dict(options), "steps": {}})
    return cycle


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
