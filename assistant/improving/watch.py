"""The watch over live signals: answers voted down and answers their sources do not carry. It halts what got worse.

A candidate under trial is held against the model in use since the trial began; a model that went live against the one
before it. The test may look after every answer: `improve.error` is the chance that a model which is no worse is ever
halted, over both signals together.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Engine

from assistant.config import Settings
from assistant.database import writing
from assistant.improving.arms import live_name, trial_of
from assistant.improving.tables import signals
from eval.sequential import Evidence, worse
from graphs.answer import Answer
from graphs.errors import CrossroadsError
from training.canary import Canaries
from training.registry import ModelVersion, Registry

log = logging.getLogger(__name__)
Signal = Literal["down", "ungrounded"]
WORDS: dict[Signal, str] = {
    "down": "answers voted down, of those voted on",
    "ungrounded": "answers whose own words their sources do not carry",
}
_MOST = 2000


@dataclass(frozen=True)
class Comparison:
    """One signal of a model beside that of the one it is held against."""

    new: str
    old: str
    signal: Signal
    evidence: Evidence
    bar: float
    """The evidence at which it is halted."""

    @property
    def halts(self) -> bool:
        """Whether it got worse."""
        return self.evidence.value >= self.bar

    def text(self) -> str:
        """In words, with the figures."""
        found = self.evidence
        new, old = (
            f"{100 * rate:.0f} %" if rate is not None else "none yet" for rate in (found.new_rate, found.old_rate)
        )
        return f"{WORDS[self.signal]}: {new} by {self.new}, {old} by {self.old}, {found.blocks} of each"

    def as_json(self) -> dict[str, Any]:
        """Everything, for commands and the page."""
        found = {"new": self.new, "old": self.old, "signal": self.signal, "text": self.text(), "halts": self.halts}
        return {**found, **vars(self.evidence), "bar": self.bar}


class Watch:
    """The signals of one home."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings

    def saw(self, answer: Answer) -> None:
        """Take note of a finished answer of a stored conversation, and halt what got worse."""
        if not answer.arm or answer.stopped:
            return
        checked = answer.grounding is not None or answer.quoted
        bad = answer.quoted or (answer.grounding is not None and answer.grounding.label == "unsupported")
        failed = int(bad) if checked else None
        values = {"answer_id": answer.answer_id, "model": answer.model, "ungrounded": failed}
        with writing(self._engine, flushed=False) as connection:
            known = select(signals.c.answer_id).where(signals.c.answer_id == answer.answer_id)
            if connection.execute(known).first() is None:
                connection.execute(insert(signals).values(**values))
        self.halt()

    def voted(self, answer_id: str, vote: str) -> None:
        """Take note of a vote, and halt what got worse."""
        with writing(self._engine) as connection:
            change = update(signals).where(signals.c.answer_id == answer_id).values(down=int(vote == "down"))
            if not connection.execute(change).rowcount:
                return
        self.halt()

    def compare(self) -> list[Comparison]:
        """Both signals of the candidate under trial and of what is live, beside what each is held against."""
        settings = self._settings
        name, live = settings.improve.name, live_name(settings)
        found = []
        if trial := trial_of(settings):
            new = f"local:{name}@{trial.version}"
            rows = self._rows(new)
            since = rows[0].position if rows else 0
            found += self._both(new, live, rows, [row for row in self._rows(live) if row.position >= since])
        if live != settings.models.chat:
            old = self._before(name)
            found += self._both(live, old, self._rows(live), self._rows(old)[::-1])
        return found

    def halt(self) -> list[str]:
        """Stop the trial, or roll the live model back, where a signal shows that it got worse; why, in words."""
        said = []
        for comparison in self.compare():
            if comparison.halts and (why := self._halted(comparison)):
                log.warning("halted: %s", why)
                said.append(why)
        return said

    def _halted(self, comparison: Comparison) -> str:
        folder, name = self._settings.home / "models", self._settings.improve.name
        why = f"halted by the watch: {comparison.text()}"
        try:
            if comparison.new == live_name(self._settings):
                take_back(Registry(folder), name, why)
                return why
            trial = trial_of(self._settings)
            if trial and comparison.new == f"local:{name}@{trial.version}":
                Canaries(folder).stop(name, why)
                return why
        except CrossroadsError as error:
            log.error("what got worse could not be halted: %s", error)
        return ""

    def _both(self, new: str, old: str, mine: Sequence[Any], theirs: Sequence[Any]) -> list[Comparison]:
        bar = len(WORDS) / self._settings.improve.error
        return [Comparison(new, old, one, worse(_told(mine, one), _told(theirs, one)), bar) for one in WORDS]

    def _before(self, name: str) -> str:
        """What was live before the live version: an earlier version, else the chat model it was trained from."""
        versions = [step.version for step in Registry(self._settings.home / "models").history(name)]
        if len(versions) > 1 and versions[-2]:
            return f"local:{name}@{versions[-2]}"
        return self._settings.models.chat

    def _rows(self, model: str) -> list[Any]:
        query = select(signals).where(signals.c.model == model).order_by(signals.c.position.desc()).limit(_MOST)
        with self._engine.connect() as connection:
            return list(connection.execute(query))[::-1]


def take_back(registry: Registry, name: str, why: str = "", *, stands_in: bool = True) -> ModelVersion:
    """What was live before is live again; with none before it, what it `stands_in` for answers again.

    Raises `UsageError` where nothing is live, or nothing was before and it stands in for nothing.
    """
    first = stands_in and registry.live(name) is not None and not registry.earlier(name)
    return registry.withdraw(name, why) if first else registry.rollback(name, why)


def _told(rows: Sequence[Any], signal: Signal) -> list[bool]:
    return [bool(value) for row in rows if (value := getattr(row, signal)) is not None]
