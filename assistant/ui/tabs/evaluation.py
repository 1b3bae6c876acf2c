"""Evaluation: start a suite, watch it, look at a run's report, compare two runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from assistant.evaluation_runs import list_runs, report_page, run_folder, runner_of, shipped_suites
from assistant.ui.ours import from_our_page, refused
from assistant.ui.tabs.tab import Tab
from eval.record import MetricValue, RunRecord, read_run, read_sample_records
from graphs.errors import CrossroadsError

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.config import Settings

NAME = "evaluation"
STYLE = f'<link rel="stylesheet" href="ui/static/tabs/{NAME}.css">'
SHOWN = 30
_FIRST = "smoke"
"""The suite that needs no data from elsewhere."""
_PATHS = {
    "": "as it would choose",
    "zero_shot": "the model alone",
    "few_shot": "with examples",
    "rag": "from documents",
}


class Wanted(BaseModel):
    """A run as the page asks for it."""

    suite: str
    path: str = ""
    limit: int = 0


def fragment(assistant: Assistant, query: Mapping[str, str]) -> str:
    """The form, the run under way, the runs there are; with `run` and `before` what differs between two."""
    home = assistant.settings.home
    if query.get("run") and query.get("before"):
        body = _compared(assistant.settings, query["run"], query["before"])
    else:
        body = _form() + _live() + _runs(assistant.settings, list_runs(home))
    return f'{STYLE}<div class="evaluation">{body}</div>'


def _form() -> str:
    suites = "".join(f'<option value="{escape(name)}">{escape(told)}</option>' for name, told in _suites())
    paths = "".join(f'<option value="{name}">{escape(words)}</option>' for name, words in _PATHS.items())
    return (
        "<p>A suite asks the assistant questions whose answers are known, and says how good its answers are, with the "
        "uncertainty of each figure.</p>"
        '<form class="row" id="start-run">'
        f'<label>Suite <select name="suite">{suites}</select></label>'
        f'<label>Answers <select name="path">{paths}</select></label>'
        '<label>Questions at most <input name="limit" type="number" min="0" placeholder="all"></label>'
        '<button type="submit" class="button send">Start</button></form>'
    )


def _suites() -> list[tuple[str, str]]:
    """Shipped suites: name and what each measures."""
    found = shipped_suites()
    order = sorted(found, key=lambda name: (name != _FIRST, name))
    return [(name, f"{name}: {found[name]}".rstrip(": ")) for name in order]


def _live() -> str:
    return (
        '<section class="panel run-live" id="run-live" hidden aria-live="polite"><p id="run-line"></p>'
        '<progress id="run-progress" max="1" value="0" aria-label="Progress of the evaluation"></progress>'
        '<button type="button" class="button" data-do="stop-run">Stop</button></section>'
    )


def _runs(settings: Settings, runs: list[tuple[str, RunRecord]]) -> str:
    if not runs:
        return "<h2>Runs</h2><p>None yet. The suite “smoke” takes two minutes and asks about the documentation.</p>"
    rows = "".join(_row(settings, name, record) for name, record in runs[:SHOWN])
    more = f"<p>{len(runs) - SHOWN} older runs are in the home's folder.</p>" if len(runs) > SHOWN else ""
    return (
        '<h2>Runs</h2><form id="compare-runs"><div class="table-wrap"><table><tr><th>now</th><th>before</th>'
        "<th>run</th><th>figures</th><th></th></tr>"
        f'{rows}</table></div>{more}<div class="row">'
        '<button type="submit" class="button">Compare the two chosen</button></div></form>'
    )


def _row(settings: Settings, name: str, record: RunRecord) -> str:
    from eval.report.plots import figure

    value = escape(name, quote=True)
    figures = "<br>".join(
        f"{escape(metric)} {figure(found.value)}"
        + (f' <span class="faint">({figure(found.low)}–{figure(found.high)})</span>' if found.low is not None else "")
        for metric, found in _telling(record)
    )
    state = "" if record.status == "finished" else f' <span class="warn">{escape(record.status)}</span>'
    failed = f', <span class="warn">{record.failed} failed</span>' if record.failed else ""
    when = escape(record.started[:16].replace("T", " "))
    report = f"ui/tabs/{NAME}/report/{quote(name)}"
    label = escape(f"{record.suite} of {record.started[:16]}", quote=True)
    return (
        f'<tr><td><input type="radio" name="run" value="{value}" aria-label="now: {label}"></td>'
        f'<td><input type="radio" name="before" value="{value}" aria-label="before: {label}"></td>'
        f'<td>{escape(record.suite)}{state}<br><span class="faint">{when}, {record.n} samples{failed}</span></td>'
        f"<td>{figures}{_judge(settings, record)}</td>"
        f'<td><a href="{report}" target="_blank" rel="noopener">Report</a></td></tr>'
    )


def _telling(record: RunRecord) -> list[tuple[str, MetricValue]]:
    """The figures shown of a run: those its suite watches, then the others, where there is a value."""
    watched = record.definition.get("watch") or []
    there = [(name, found) for name, found in record.metrics.items() if found.value is not None]
    return sorted(there, key=lambda pair: pair[0] not in watched)[:3]


def _judge(settings: Settings, record: RunRecord) -> str:
    """How far the run's judge agrees with people; empty where no model judged."""
    from assistant.cli.eval_report import judge_of
    from eval.report.page import judge_line

    said = judge_line(record, judge_of(settings, record.judge))
    return f'<p class="faint">{escape(said)}</p>' if said else ""


def _compared(settings: Settings, name: str, before: str) -> str:
    from eval.report.plots import metric_table
    from eval.report.samples import difference_details, differences

    now, old = run_folder(settings.home, name), run_folder(settings.home, before)
    record, other = read_run(now), read_run(old)
    pairs = differences(read_sample_records(old), read_sample_records(now))
    better, worse = sum(pair.change > 0 for pair in pairs), sum(pair.change < 0 for pair in pairs)
    whole = f"ui/tabs/{NAME}/report/{quote(name)}?{urlencode({'before': before})}"
    return (
        f'<p><a href="./?tab={NAME}">All runs</a> · '
        f'<a href="{whole}" target="_blank" rel="noopener">The whole report</a></p>'
        f"<h2>{escape(record.suite)} of {escape(record.started[:16])}, before: {escape(other.started[:16])}</h2>"
        f'<div class="run-figures">{metric_table(record.metrics, other.metrics)}</div>{_judge(settings, record)}'
        f"<p>{better} samples came out better, {worse} worse, {len(pairs) - better - worse} only otherwise worded.</p>"
        f'<h2>Sample by sample</h2><div class="run-samples">{difference_details(pairs)}</div>'
    )


def routes(router: APIRouter, assistant: Assistant) -> None:
    """Start, watch, stop, and each run's report."""
    runner = runner_of(assistant)

    @router.post("/start", dependencies=[Depends(from_our_page)])
    def start(wanted: Wanted) -> Any:
        """Begin a run of a shipped suite."""
        from eval.suite import find_shipped

        try:
            find_shipped(wanted.suite)
            return {"run": runner.start(wanted.suite, wanted.path, wanted.limit)}
        except CrossroadsError as error:
            return refused(error)

    @router.get("/progress")
    def progress() -> Any:
        """Where the run under way stands."""
        return asdict(runner.progress())

    @router.post("/stop", dependencies=[Depends(from_our_page)])
    def stop() -> Any:
        """End it; what it did is kept."""
        runner.stop()
        return asdict(runner.progress())

    @router.get("/report/{name:path}")
    def report(name: str, before: str = "") -> Any:
        """A run's report as a page of its own."""
        try:
            page = report_page(assistant.settings, name, before)
        except CrossroadsError as error:
            return refused(error)
        return HTMLResponse(page)


TAB = Tab(NAME, "Evaluation", fragment, routes, needs="evaluate")
