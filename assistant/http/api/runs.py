"""Training and evaluation runs: start, watch, stop. Each kind has at most one at work."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from assistant.http.api.forms import Done, Form, Name, Short, Text
from assistant.http.needs import needs
from assistant.people.caller import note

if TYPE_CHECKING:
    from assistant.app import Assistant


class Training(Form):
    """A recipe, and what is changed in it: one `key=value` a line."""

    recipe: Short
    keys: Text = ""
    resume: bool = False


class Evaluation(Form):
    """A suite that ships, the path that is forced, and how many questions at most."""

    suite: Short
    path: Short = ""
    limit: int = Field(default=0, ge=0, le=1_000_000)


class Started(BaseModel):
    """The run's name."""

    run: str


class Runs(BaseModel):
    """Runs, the latest first."""

    runs: list[dict[str, Any]]


def router(assistant: Assistant) -> APIRouter:
    """Both kinds."""
    made = APIRouter(prefix="/runs", tags=["runs"])
    _training(made, assistant)
    _evaluation(made, assistant)
    return made


def _training(made: APIRouter, assistant: Assistant) -> None:
    from assistant.training_runs import trainings_of

    trainings, may = trainings_of(assistant), [needs("train")]

    @made.get("/training", dependencies=may)
    def listed() -> Runs:
        """The training runs there are."""
        return Runs(runs=[asdict(info) for info in trainings.list()])

    @made.post("/training", dependencies=may, status_code=202)
    def start(wanted: Training) -> Started:
        """Begin or continue one."""
        note(wanted.recipe)
        return Started(run=trainings.start(wanted.recipe, wanted.keys, wanted.resume))

    @made.get("/training/{name}", dependencies=may)
    def watch(name: Name) -> dict[str, Any]:
        """A run's losses and figures."""
        return trainings.watch(name)

    @made.post("/training/stop", dependencies=may)
    def stop() -> Done:
        """Ask the run at work to write a checkpoint and end."""
        return Done(ok=trainings.stop())


def _evaluation(made: APIRouter, assistant: Assistant) -> None:
    from assistant.evaluation_runs import list_runs, run_folder, runner_of

    runner, may, home = runner_of(assistant), [needs("evaluate")], assistant.settings.home

    @made.get("/evaluation", dependencies=may)
    def evaluations() -> Runs:
        """The evaluation runs there are, each with its figures."""
        return Runs(runs=[{"run": name, **record.model_dump(mode="json")} for name, record in list_runs(home)])

    @made.post("/evaluation", dependencies=may, status_code=202)
    def evaluate(wanted: Evaluation) -> Started:
        """Begin one of a suite that ships."""
        from eval.suite import find_shipped

        note(wanted.suite)
        return Started(run=runner.start(find_shipped(wanted.suite).stem, wanted.path, wanted.limit))

    @made.get("/evaluation/progress", dependencies=may)
    def progress() -> dict[str, Any]:
        """Where the one at work stands."""
        return asdict(runner.progress())

    @made.post("/evaluation/stop", dependencies=may)
    def halt() -> Done:
        """End it; what it did is kept."""
        runner.stop()
        return Done()

    @made.get("/evaluation/{name:path}", dependencies=may)
    def evaluation(name: Name) -> dict[str, Any]:
        """One run's record."""
        from eval.record import read_run

        return read_run(run_folder(home, name)).model_dump(mode="json")
