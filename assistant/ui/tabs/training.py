"""Training: choose a recipe, see what it will take, start it, watch its losses, stop it, go on."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from assistant.training_runs import RunInfo, recipe_text, recipes, trainings_of
from assistant.ui.ours import from_our_page, refused
from assistant.ui.tabs.tab import Tab
from graphs.errors import CrossroadsError

if TYPE_CHECKING:
    from assistant.app import Assistant

NAME = "training"
STYLE = f'<link rel="stylesheet" href="ui/static/tabs/{NAME}.css">'
_STATES = {"running": "at work", "done": "done", "stopped": "stopped", "failed": "failed"}


class Wanted(BaseModel):
    """A run as the page asks for it."""

    recipe: str
    keys: str = ""


def fragment(assistant: Assistant, query: Mapping[str, str]) -> str:
    """The form, the run that is looked at, and the runs there are."""
    trainings = trainings_of(assistant)
    infos = trainings.list()
    chosen = query.get("run") or next((info.name for info in infos if info.state == "running"), "")
    return f'{STYLE}<div class="training">{_form()}{_watched(chosen)}{_runs(infos, chosen)}</div>'


def routes(router: APIRouter, assistant: Assistant) -> None:
    """Start, stop and watch runs."""
    trainings = trainings_of(assistant)

    @router.get("/recipe/{name}")
    def recipe(name: str) -> Any:
        """A recipe as it is written."""
        try:
            return {"text": recipe_text(name)}
        except CrossroadsError as error:
            return refused(error)

    @router.post("/start", dependencies=[Depends(from_our_page)])
    def start(wanted: Wanted) -> Any:
        """Begin a run."""
        try:
            return {"run": trainings.start(wanted.recipe, wanted.keys)}
        except CrossroadsError as error:
            return refused(error)

    @router.post("/resume/{name}", dependencies=[Depends(from_our_page)])
    def resume(name: str) -> Any:
        """Go on with a run as it was started."""
        try:
            return {"run": trainings.resume(name)}
        except CrossroadsError as error:
            return refused(error)

    @router.post("/stop", dependencies=[Depends(from_our_page)])
    def stop() -> dict[str, bool]:
        """Ask the run at work to write a checkpoint and end."""
        return {"ok": trainings.stop()}

    @router.get("/runs/{name}")
    def watch(name: str) -> Any:
        """A run's losses and figures."""
        try:
            return trainings.watch(name)
        except CrossroadsError as error:
            return refused(error)


def _form() -> str:
    options = "".join(
        f'<option value="{escape(one.name)}">{escape(one.name)} – {escape(one.about.partition(":")[0][:60])}</option>'
        for one in recipes()
    )
    return (
        "<p>A recipe says which model is trained on which examples, and how. A run says first how long it will take "
        "here and how much memory and disk; what comes of it is a candidate under Models.</p>"
        '<form class="start" id="start-training"><div class="row">'
        f'<label>Recipe <select name="recipe" id="recipe">{options}</select></label>'
        '<button type="submit" class="button send">Start</button></div>'
        '<label class="wide">Changes, one key=value a line'
        '<textarea name="keys" rows="3" placeholder="data=[/home/me/examples.jsonl]"></textarea></label>'
        '<details><summary>The recipe as it is written</summary><pre id="recipe-text"></pre></details></form>'
    )


def _watched(name: str) -> str:
    hidden = "" if name else " hidden"
    return (
        f'<section class="panel" id="watched" data-run="{escape(name)}"{hidden}><h2 id="run-name">{escape(name)}</h2>'
        '<p id="run-figures" aria-live="polite" class="faint"></p>'
        '<progress id="run-progress" max="1" value="0" aria-label="Steps done"></progress>'
        '<figure><svg id="losses" viewBox="0 0 640 240" role="img" aria-label="Loss by step"></svg>'
        '<figcaption class="faint"><span class="key learnt">learnt</span> '
        '<span class="key held">held back</span> <span id="loss-range"></span></figcaption></figure>'
        '<ul id="run-said" class="faint"></ul><p class="bad" id="run-error" role="alert"></p>'
        '<div class="row"><button type="button" class="button" data-do="stop-training">Stop</button>'
        '<button type="button" class="button" data-do="resume-training" hidden>Go on</button></div></section>'
    )


def _runs(infos: list[RunInfo], chosen: str) -> str:
    if not infos:
        return "<h2>Runs</h2><p class='faint'>None yet. Runs started from the terminal keep their own folders.</p>"
    head = "<tr><th>Run</th><th>Stage</th><th>State</th><th class='num'>Step</th><th class='num'>Loss</th></tr>"
    rows = "".join(_line(info, chosen) for info in infos)
    return f"<h2>Runs</h2><div class='table-wrap'><table>{head}{rows}</table></div>"


def _line(info: RunInfo, chosen: str) -> str:
    mark = ' class="chosen"' if info.name == chosen else ""
    loss = "" if info.loss is None else f"{info.loss:.4f}"
    steps = f"{info.step} of {info.steps}" if info.steps else str(info.step or "")
    name = escape(info.name)
    return (
        f'<tr{mark}><td><a href="./?tab={NAME}&amp;run={name}" data-run="{name}">{name}</a></td>'
        f"<td>{escape(info.stage)}</td><td>{_STATES[info.state]}</td>"
        f"<td class='num'>{steps}</td><td class='num'>{loss}</td></tr>"
    )


TAB = Tab(NAME, "Training", fragment, routes, needs="train")
