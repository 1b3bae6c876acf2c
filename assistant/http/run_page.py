"""The page of a run, `/runs/THREAD`: each turn's steps with times, prompts and evidence. Plain HTML, no script."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from assistant.http.document_page import STYLE, refusal
from assistant.http.needs import needs
from graphs.errors import NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.records import Turn
    from assistant.run_log import RunStep

_STYLE = (
    "table{border-collapse:collapse;width:100%}td,th{text-align:start;vertical-align:top;padding:.25rem .5rem}"
    "td.number{text-align:end;white-space:nowrap}pre{white-space:pre-wrap;overflow-wrap:anywhere;max-height:24rem;"
    "overflow:auto}meter{width:8rem}"
)


def runs_router(assistant: Assistant) -> APIRouter:
    """The page of a conversation's runs."""
    router = APIRouter(include_in_schema=False, dependencies=[needs("ask")])

    @router.get("/runs/{thread_id}")
    def runs(thread_id: str) -> HTMLResponse:
        """Every turn of a conversation, step by step."""
        try:
            info, turns = assistant.threads.get(thread_id), assistant.threads.turns(thread_id)
        except NotFoundError as error:
            return HTMLResponse(refusal(error), 404)
        body = "".join(_turn(turn, assistant.run_log.steps(turn.question_id)) for turn in turns)
        return HTMLResponse(_page(info.title, body or "<p>No turn has been asked yet.</p>"))

    return router


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}: steps</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}{_STYLE}</style></head>'
        f'<body><header><h1 dir="auto">{escape(title)}</h1></header><main>{body}</main></body></html>'
    )


def _turn(turn: Turn, steps: list[RunStep]) -> str:
    head = f'<section><h2 dir="auto">{escape(turn.question)}</h2>'
    if not steps:
        return f"{head}<p>The steps of this turn are not remembered.</p></section>"
    longest = max(step.seconds for step in steps) or 1.0
    rows = "".join(_row(step, longest) for step in steps)
    total = sum(step.seconds for step in steps)
    return (
        f"{head}<p>{len(steps) - 1} steps, {1000 * total:,.0f} ms. Again from a step: "
        f"<code>crossroads replay … --question {escape(turn.question_id)} --from STEP</code></p>"
        "<table><thead><tr><th>Step</th><th>Time</th><th></th><th>What it did</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></section>"
    )


def _row(step: RunStep, longest: float) -> str:
    calls = "".join(_call(call) for call in step.calls)
    evidence = _evidence(step.changed.get("evidence") or [])
    changed = escape(json.dumps(step.changed, ensure_ascii=False, indent=1))
    share = step.seconds / longest
    return (
        f'<tr><td><code>{escape(step.node)}</code></td><td class="number">{1000 * step.seconds:,.1f} ms</td>'
        f'<td><meter min="0" max="1" value="{share:.3f}">{share:.0%}</meter></td>'
        f"<td>{evidence}{calls}<details><summary>Everything it changed</summary><pre>{changed}</pre></details></td>"
        "</tr>"
    )


def _call(call: dict[str, Any]) -> str:
    shown = "".join(f"<b>{escape(one['role'])}</b><pre>{escape(one['content'])}</pre>" for one in call["messages"])
    return (
        f"<details><summary>Model call: {call['prompt_tokens']:,} tokens read, {call['completion_tokens']:,} written, "
        f"{1000 * call['seconds']:,.0f} ms</summary>{shown}<b>answered</b><pre>{escape(call['text'])}</pre></details>"
    )


def _evidence(items: list[dict[str, Any]]) -> str:
    if not items:
        return ""
    rows = "".join(
        f"<li><b>{'kept' if item['kept'] else 'dropped'}</b> <bdi>{escape(item['passage']['title'])}</bdi>: "
        f"{escape(item['why'])}<pre>{escape(item['passage']['text'])}</pre></li>"
        for item in items
    )
    return f"<details><summary>{len(items)} passages looked at</summary><ul>{rows}</ul></details>"
