"""Part of the area Models: the cycle from grades to a candidate, the trial under way, and what the watch sees."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from assistant.improvement_runs import STEPS, Improvements, improvements_of
from assistant.ui.ours import from_our_page, refused
from graphs.errors import CrossroadsError
from training.canary import Canaries, Trial
from training.versions import ModelVersion, why_not

if TYPE_CHECKING:
    from assistant.app import Assistant

_SHOWN = 5


class Tried(BaseModel):
    """A candidate that is to be tried."""

    name: str
    version: str


def routes(router: APIRouter, assistant: Assistant) -> None:
    """Start, stop and watch a cycle; begin and end a trial."""
    works = improvements_of(assistant.settings.home)

    @router.post("/improve", dependencies=[Depends(from_our_page)])
    def improve() -> Any:
        """Begin a cycle, or go on with the last one."""
        try:
            return {"resumed": works.start()}
        except CrossroadsError as error:
            return refused(error)

    @router.post("/improve/stop", dependencies=[Depends(from_our_page)])
    def stop() -> dict[str, bool]:
        """End the cycle at work; it can go on later."""
        return {"ok": works.stop()}

    @router.get("/improve")
    def progress() -> dict[str, Any]:
        """Where the cycle stands."""
        return works.progress()

    @router.post("/canary", dependencies=[Depends(from_our_page)])
    def canary(tried: Tried) -> Any:
        """Let a candidate answer a share of the conversations."""
        try:
            share = assistant.settings.improve.canary
            return _trials(assistant).start(tried.name, tried.version, share).model_dump()
        except CrossroadsError as error:
            return refused(error)

    @router.post("/canary/stop", dependencies=[Depends(from_our_page)])
    def end(tried: Tried) -> Any:
        """End the trial."""
        try:
            ended = _trials(assistant).stop(tried.name, "stopped by a person on the page")
            return ended.model_dump() if ended else {}
        except CrossroadsError as error:
            return refused(error)


def panel(assistant: Assistant) -> str:
    """What the grades allow, the button, the cycles so far, the trial."""
    works = improvements_of(assistant.settings.home)
    now = works.progress()
    return (
        '<section class="panel improve" aria-labelledby="improve-title"><h2 id="improve-title">Improve from grades</h2>'
        "<p>Trains a candidate on the experts' grades, holds it against what is live on questions it never saw and on "
        "the standing suites, and lets the gate judge it. Nothing goes live by itself.</p>"
        f"{_buttons(now, works)}{_trial(assistant)}{_cycles(works.records())}</section>"
    )


def action(version: ModelVersion, assistant: Assistant) -> str:
    """The button that tries a version, where it can be tried."""
    settings = assistant.settings.improve
    if version.name != settings.name or version.state == "live" or why_not(version):
        return ""
    trial = _trials(assistant).current(version.name)
    if trial and trial.version == version.version:
        return f"<p>on trial, {trial.share:.0%} of the conversations</p>"
    named = f'data-name="{escape(version.name)}" data-version="{escape(version.version)}"'
    words = f"Try on {settings.canary:.0%}"
    label = f'aria-label="{words} of the conversations"'
    return f'<p><button type="button" class="button" data-do="canary" {label} {named}>{words}</button></p>'


def _trials(assistant: Assistant) -> Canaries:
    return Canaries(assistant.settings.home / "models")


def _buttons(now: dict[str, Any], works: Improvements) -> str:
    if now["running"]:
        return (
            f'<p id="improve-line" class="faint" aria-live="polite" data-running="1">{escape(now["line"])}</p>'
            '<div class="row"><button type="button" class="button" data-do="stop-improving">Stop</button></div>'
        )
    records = works.records()
    open_one = bool(records) and "gate" not in records[0]["steps"]
    words = "Go on with the last one" if open_one else "Train a candidate"
    return f'<div class="row"><button type="button" class="button send" data-do="improve">{words}</button></div>'


def _trial(assistant: Assistant) -> str:
    name = assistant.settings.improve.name
    trials = _trials(assistant).history(name)
    if not trials:
        return ""
    last = trials[-1]
    seen = "".join(f"<li>{escape(one.text())}</li>" for one in assistant.watch.compare() if one.evidence.blocks)
    signals = f"<ul>{seen}</ul>" if seen else "<p class='faint'>The watch has nothing to compare yet.</p>"
    return f"<h3>Trial</h3>{_under_way(name, last) if not last.ended else _over(name, last)}{signals}"


def _under_way(name: str, trial: Trial) -> str:
    return (
        f"<p>{escape(name)} {escape(trial.version)} answers {trial.share:.0%} of the conversations since "
        f'{escape(trial.started[:16].replace("T", " "))}. <button type="button" class="quiet" data-do="end-canary" '
        f'data-name="{escape(name)}" data-version="{escape(trial.version)}">End the trial</button></p>'
    )


def _over(name: str, trial: Trial) -> str:
    return f"<p>The last trial, of {escape(name)} {escape(trial.version)}, ended: {escape(trial.why)}.</p>"


def _cycles(records: list[dict[str, Any]]) -> str:
    if not records:
        return '<p class="faint">No cycle was run yet.</p>'
    head = "<tr><th>Cycle</th><th>Candidate</th><th>What was done</th><th>Gate</th></tr>"
    return (
        f'<div class="table-wrap"><table><caption class="faint">The last cycles</caption><thead>{head}</thead>'
        f"<tbody>{''.join(map(_line, records[:_SHOWN]))}</tbody></table></div>"
    )


def _line(record: dict[str, Any]) -> str:
    steps = record["steps"]
    made = f"{steps['register']['model']} {steps['register']['version']}" if "register" in steps else ""
    done = "".join(
        f"<li>{words}: {escape(str(steps[key].get('text', 'done')))}</li>"
        for key, words in STEPS.items()
        if key in steps
    )
    failed = record.get("failed")
    if failed:
        done += f'<li class="bad">{STEPS[failed["step"]]}: {escape(failed["message"])} {escape(failed["cure"])}</li>'
    gate = steps.get("gate", {})
    verdict = {"pass": "passed", "fail": "failed", "none": "no verdict"}.get(gate.get("verdict", ""), "not finished")
    why = "".join(f"<li>{escape(reason)}</li>" for reason in gate.get("reasons", []))
    return (
        f"<tr><td>{escape(record['id'])}</td><td>{escape(made)}</td><td><details><summary>{len(steps)} of {len(STEPS)} "
        f"steps</summary><ul>{done}</ul></details></td><td>{verdict}<ul>{why}</ul></td></tr>"
    )
