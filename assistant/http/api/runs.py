"""Training and evaluation runs: start, watch, stop, judge. Each kind has at most one at work."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from assistant.evaluation_runs import list_runs, report_page, run_folder, runner_of, shipped_suites
from assistant.http.api.forms import Done, Form, Name, Short, Text
from assistant.http.needs import needs
from assistant.people.caller import note
from assistant.training_runs import RecipeInfo, recipe_text, recipes, trainings_of
from eval.gate import Verdict

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


class Recipes(BaseModel):
    """The recipes that ship."""

    recipes: list[RecipeInfo]


class Recipe(BaseModel):
    """A recipe as it is written."""

    name: str
    text: str


class Suites(BaseModel):
    """The suites that ship: name and what each measures."""

    suites: dict[str, str]


class Started(BaseModel):
    """The run's name."""

    run: str


class Runs(BaseModel):
    """Runs, the latest first."""

    runs: list[dict[str, Any]]


def router(assistant: Assistant) -> APIRouter:
    """Both kinds."""
    made = APIRouter(tags=["runs"])
    _shipped(made)
    _training(runs := APIRouter(prefix="/runs"), assistant)
    _evaluation(runs, assistant)
    _judging(runs, assistant)
    made.include_router(runs)
    return made


def _shipped(made: APIRouter) -> None:
    @made.get("/recipes", dependencies=[needs("train")])
    def every_recipe() -> Recipes:
        """The recipes a training run can be of."""
        return Recipes(recipes=recipes())

    @made.get("/recipes/{name}", dependencies=[needs("train")])
    def recipe(name: Name) -> Recipe:
        """A recipe with its keys and what each means."""
        return Recipe(name=name, text=recipe_text(name))

    @made.get("/suites", dependencies=[needs("evaluate")])
    def suites() -> Suites:
        """The suites an evaluation run can be of."""
        return Suites(suites=shipped_suites())


def _training(made: APIRouter, assistant: Assistant) -> None:
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


def _judging(made: APIRouter, assistant: Assistant) -> None:
    may, home = [needs("evaluate")], assistant.settings.home

    @made.get("/verdict", dependencies=may)
    def verdict(run: Short, baseline: Short = "") -> Verdict:
        """The gate on an evaluation run, by its suite's bars and, with a baseline, by whether it got worse."""
        from eval.gate import judge_folders

        return judge_folders(run_folder(home, run), run_folder(home, baseline) if baseline else None)

    @made.get("/report", dependencies=may, response_class=HTMLResponse)
    def report(run: Short, before: Short = "") -> str:
        """An evaluation run as one page of HTML, beside an earlier one where it is named."""
        return report_page(assistant.settings, run, before)
