"""A candidate tried on a share of the conversations: which, since when, and how earlier trials ended.

FOLDER/NAME/canary.json     every trial of a name, oldest first; the last one is under way while `ended` is empty
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from graphs.answer import Record
from graphs.errors import StorageError, UsageError
from training.registry import Registry, why_not, write_whole

_FILE = "canary.json"


class Trial(Record):
    """One trial of a version."""

    version: str
    share: float = Field(gt=0, le=0.5)
    """Of the conversations; at most half, so that there is always something to hold it against."""
    started: str
    ended: str = ""
    why: str = ""
    """How it ended: promoted, stopped by a person, or halted by the watch and on which signal."""


Trials = list[Trial]


class Canaries:
    """The trials of one registry."""

    def __init__(self, folder: Path) -> None:
        self._root, self._registry = folder, Registry(folder)

    def current(self, name: str) -> Trial | None:
        """The trial under way, if any."""
        trials = self.history(name)
        return trials[-1] if trials and not trials[-1].ended else None

    def history(self, name: str) -> Trials:
        """Every trial of a name, oldest first. Raises `StorageError` where its file is damaged."""
        path = self._root / name / _FILE
        try:
            return [Trial(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError, ValidationError) as error:
            raise StorageError(f"{str(path)!r} is damaged: {error}.", "Delete it and start the trial again.") from error

    def start(self, name: str, version: str, share: float) -> Trial:
        """Let a candidate answer a share of the conversations; an earlier trial ends.

        Raises `UsageError` where the gate has not passed it, it is live, or the share is not above 0 and at most 0.5.
        """
        record = self._registry.show(name, version)
        if why := why_not(record):
            raise UsageError(f"{name!r} {version!r} cannot be tried: {why}.", "Only what the gate passed meets people.")
        if record.state == "live":
            raise UsageError(f"{name!r} {version!r} is live already.", "See `crossroads models list`.")
        if not 0 < share <= 0.5:
            raise UsageError(f"A trial cannot have the share {share:g}.", "Choose above 0 and at most 0.5.")
        self.stop(name, f"version {version} took its place")
        trial = Trial(version=version, share=share, started=_now())
        self._write(name, [*self.history(name), trial])
        return trial

    def stop(self, name: str, why: str) -> Trial | None:
        """End the trial under way; it, or None where there is none."""
        trial = self.current(name)
        if trial is None:
            return None
        ended = trial.model_copy(update={"ended": _now(), "why": why})
        self._write(name, [*self.history(name)[:-1], ended])
        return ended

    def _write(self, name: str, trials: Trials) -> None:
        text = json.dumps([trial.model_dump(mode="json") for trial in trials], indent=1)
        try:
            write_whole(self._root / name / _FILE, text)
        except OSError as error:
            cure = "Free some space or mend the rights of that folder."
            raise StorageError(f"{str(self._root / name)!r} cannot be written: {error.strerror}.", cure) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
