"""From grades to a better model: the cycle, the trial of a candidate, and what stands behind an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from assistant.http.api.forms import Done, Form, Name, Short
from assistant.http.needs import needs
from assistant.improvement_runs import improvements_of
from assistant.improving.lineage import SHOWN_ROWS, lineage
from assistant.people.caller import note
from training.canary import Canaries, Trial

if TYPE_CHECKING:
    from assistant.app import Assistant


class Begun(BaseModel):
    """Whether an interrupted cycle goes on; else a new one began."""

    resumed: bool


class Cycles(BaseModel):
    """Whether a cycle is at work, what it said last, and the record of every one, the latest first."""

    running: bool
    line: str
    cycles: list[dict[str, Any]]


class Signals(BaseModel):
    """Each live signal with its figures, the evidence that it got worse, and the bar at which it is halted."""

    signals: list[dict[str, Any]]


class Tried(Form):
    """The candidate to try, and the share of the conversations it answers; 0 takes `improve.canary`."""

    version: Short
    share: float = Field(default=0.0, ge=0, le=0.5)


class Trials(BaseModel):
    """Trials of a model, the oldest first."""

    trials: list[Trial]


def router(assistant: Assistant) -> APIRouter:
    """The cycle, trials and lineage."""
    made = APIRouter(tags=["improve"])
    _cycle(made, assistant)
    _trials(made, assistant)

    @made.get("/answers/{answer_id}/lineage", dependencies=[needs("grades")])
    def behind(answer_id: Name) -> dict[str, Any]:
        """Model, adapter, prompt, data rows, graders and verdict behind an answer."""
        return lineage(assistant, answer_id, SHOWN_ROWS)

    return made


def _cycle(made: APIRouter, assistant: Assistant) -> None:
    works, may = improvements_of(assistant.settings.home), [needs("models:promote")]

    @made.get("/improve", dependencies=[needs("models")])
    def progress() -> Cycles:
        """Where the cycle stands, and the cycles so far."""
        return Cycles(**works.progress(), cycles=works.records())

    @made.get("/improve/watch", dependencies=[needs("models")])
    def signals() -> Signals:
        """Votes and grounding of what is tried or live, beside what it is held against."""
        return Signals(signals=[one.as_json() for one in assistant.watch.compare()])

    @made.post("/improve", dependencies=may, status_code=202)
    def start() -> Begun:
        """Begin a cycle, or go on with the one that was interrupted."""
        return Begun(resumed=works.start())

    @made.post("/improve/stop", dependencies=may)
    def stop() -> Done:
        """End the cycle at work; it can go on later."""
        return Done(ok=works.stop())


def _trials(made: APIRouter, assistant: Assistant) -> None:
    trials, may = Canaries(assistant.settings.home / "models"), [needs("models:promote")]

    @made.get("/models/{name}/canary", dependencies=[needs("models")])
    def listed(name: Name) -> Trials:
        """Every trial of a model."""
        return Trials(trials=trials.history(name))

    @made.post("/models/{name}/canary", dependencies=may, status_code=201)
    def start(name: Name, tried: Tried) -> Trial:
        """Let a candidate that passed the gate answer a share of the conversations."""
        note(f"version {tried.version}")
        return trials.start(name, tried.version, tried.share or assistant.settings.improve.canary)

    @made.delete("/models/{name}/canary", dependencies=may)
    def stop(name: Name) -> Done:
        """End the trial under way."""
        return Done(ok=trials.stop(name, "stopped by a person over the API") is not None)
