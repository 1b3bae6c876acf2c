"""Grading: one answer and its evidence, a few keys, the next one; and two answers side by side, blind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from assistant.grades.graders import Weighing
from assistant.grades.judged import SHOWN_PASSAGES
from assistant.grades.operations import GRADING
from assistant.grades.rubric import Criterion
from assistant.grades.types import Item, Logged
from assistant.grades.words import CHECKER_WORDS, share_words
from assistant.http.needs import needs
from assistant.people.caller import current
from assistant.ui import evidence, turns
from assistant.ui.ours import from_our_page, refused
from assistant.ui.tabs.tab import Tab
from assistant.ui.words import place
from assistant.ui.words import text as safe
from graphs.errors import CrossroadsError, UsageError

if TYPE_CHECKING:
    from assistant.app import Assistant

STYLE = '<link rel="stylesheet" href="ui/static/tabs/grade.css">'
_KEYS = (
    ("1 … 5", "the number for the criterion that is marked; the next one is marked then"),
    ("Enter", "keep the grade and show the next answer"),
    ("b", "write a better answer"),
    ("c", "write a comment"),
    ("p", "mark the passages that answer it (then Space, Tab)"),
    ("k", "I cannot judge it"),
    ("s", "skip it"),
    ("u", "undo the last grade"),
)


class Given(BaseModel):
    """A grade as the page sends it."""

    answer_id: str
    outcome: str = "graded"
    scores: dict[str, int] = Field(default_factory=dict)
    better_answer: str = ""
    right_sources: list[str] = Field(default_factory=list)
    comment: str = ""
    seconds: float = 0.0


class Chosen(BaseModel):
    """A blind choice as the page sends it."""

    first: str
    second: str
    choice: str


class Weighed(BaseModel):
    """How much a grader is to count, and why."""

    grader: str
    weight: float
    reason: str = ""


def fragment(assistant: Assistant, query: Mapping[str, str]) -> str:
    """The next answer to grade, or the next pair; and how far grading has come."""
    switch, summary = _switch("pairs" in query), assistant.grading.summary()
    body = _pair(assistant, summary) if "pairs" in query else _single(assistant, summary)
    return f"{STYLE}{switch}{body}{_people(summary, assistant.grading.graders.history())}"


def routes(router: APIRouter, assistant: Assistant) -> None:
    """Keep a grade, take it back, keep a choice."""

    @router.post("/grade", dependencies=[Depends(from_our_page)])
    def grade(given: Given) -> Any:
        """Keep a grade; on disk when this answers."""
        return _done(assistant, "grades/record", given.model_dump())

    @router.post("/undo", dependencies=[Depends(from_our_page)])
    def undo() -> Any:
        """Take back the last grade."""
        return _done(assistant, "grades/undo", {})

    @router.post("/gold", dependencies=[needs("grades"), Depends(from_our_page)])
    def gold() -> Any:
        """Fix this grader's last grade as the right one."""
        mine = assistant.grading.latest()
        if mine is None:
            return refused(UsageError("Nothing is graded yet.", "Grade an answer first."))
        return _done(assistant, "grades/gold", {"answer_id": mine.answer_id, "grader": mine.grader})

    @router.post("/weigh", dependencies=[needs("grades"), Depends(from_our_page)])
    def weigh(weighed: Weighed) -> Any:
        """Say how much a grader counts."""
        return _done(assistant, "grades/weigh", weighed.model_dump())

    @router.post("/compare", dependencies=[Depends(from_our_page)])
    def compare(chosen: Chosen) -> Any:
        """Keep a blind choice."""
        return _done(assistant, "grades/compare", chosen.model_dump())


def _done(assistant: Assistant, operation: str, arguments: dict[str, Any]) -> Any:
    try:
        return GRADING[operation](assistant, arguments)
    except CrossroadsError as error:
        return refused(error)


def _switch(pairs: bool) -> str:
    single, double = ("", ' aria-current="page"') if pairs else (' aria-current="page"', "")
    return (
        f'<p class="switch"><a href="./?tab=grade"{single}>One answer</a> '
        f'<a href="./?tab=grade&amp;pairs=1"{double}>Two side by side, blind</a></p>'
    )


def _single(assistant: Assistant, summary: Mapping[str, Any]) -> str:
    item = assistant.grading.next()
    progress = _progress(summary, item)
    if item is None:
        return f"{progress}{_nothing()}"
    criteria = "".join(_criterion(one) for one in assistant.grading.store.rubric.criteria)
    return (
        f"{progress}{_shown(item)}"
        f'<form class="grade" id="grade" data-answer="{safe(item.logged.answer.answer_id)}">'
        f'<div class="criteria">{criteria}</div><p class="anchor" id="anchor" aria-live="polite"></p>'
        '<div class="columns"><label>Better answer (may stay empty)'
        '<textarea name="better" rows="2" dir="auto"></textarea></label>'
        '<label>Comment<textarea name="comment" rows="2" dir="auto"></textarea></label></div>'
        f"{_right_sources(item)}"
        f'<div class="row"><button type="submit" class="button send">Keep, next</button>{_others()}</div>'
        f"</form>{_keys()}"
    )


def _right_sources(item: Item) -> str:
    """Boxes for the passages that were looked at: which of them answer the question."""
    seen = {one.passage.chunk_id: one.passage for one in item.logged.answer.evidence}
    if not seen:
        return ""
    boxes = "".join(
        f'<label><input type="checkbox" name="right" value="{safe(chunk_id)}"> '
        f"<bdi>{safe(place(passage))}</bdi></label>"
        for chunk_id, passage in list(seen.items())[:SHOWN_PASSAGES]
    )
    return (
        f'<fieldset class="right-sources"><legend>Passages that answer it (may stay empty)</legend>{boxes}</fieldset>'
    )


def _others() -> str:
    return (
        '<button type="button" class="button" data-do="cannot">I cannot judge it</button>'
        '<button type="button" class="button" data-do="skip">Skip</button>'
        '<button type="button" class="button" data-do="undo">Undo the last</button>'
    )


def _shown(item: Item) -> str:
    answer = item.logged.answer
    seen = evidence.spread(answer) or '<p class="faint">It was answered without documents.</p>'
    return (
        '<div class="columns graded"><section class="panel" aria-labelledby="graded-question">'
        f'<h2 id="graded-question" dir="auto">{safe(item.logged.question)}</h2>{turns.bare(answer)}</section>'
        '<section class="panel evidence-list" tabindex="0" aria-label="Evidence"><h2>Evidence</h2>'
        f"{seen}</section></div>"
    )


def _criterion(one: Criterion) -> str:
    words = {1: "Yes", 0: "No"} if one.kind == "yes_no" else {}
    choices = "".join(
        f'<label title="{safe(one.anchors[value])}"><input type="radio" name="{safe(one.name)}" value="{value}" '
        f'data-anchor="{safe(one.anchors[value])}"> {words.get(value, value)}</label>'
        for value in one.values
    )
    return f'<fieldset data-criterion="{safe(one.name)}"><legend>{safe(one.title)}</legend>{choices}</fieldset>'


def _progress(summary: Mapping[str, Any], item: Item | None) -> str:
    parts = [f"{summary['graded']} of {summary['answers']} graded, {summary['mine']} by you"]
    alphas = [found["alpha"] for found in summary["agreement"].values() if found["alpha"] is not None]
    if alphas:
        parts.append(f"agreement with others {min(alphas):.2f}")
    if summary["seconds"]:
        parts.append(f"{summary['seconds']:.0f} s each")
    if item is not None:
        parts.append(f"this one: {item.why}")
    return f'<p class="faint" id="progress">{safe(" · ".join(parts))}</p>'


def _nothing() -> str:
    return (
        '<div class="panel"><h2>Nothing is left to grade.</h2><p>Answers appear here as people ask. '
        "What the grades are good for: <code>crossroads grades export --format sft</code> makes training data of them."
        '</p><p class="row"><button type="button" class="button" data-do="undo">Undo the last</button></p></div>'
    )


def _keys() -> str:
    rows = "".join(f"<dt><kbd>{key}</kbd></dt><dd>{what}</dd>" for key, what in _KEYS)
    return f'<details class="key-list"><summary>Keys</summary><dl class="keys">{rows}</dl></details>'


def _pair(assistant: Assistant, summary: Mapping[str, Any]) -> str:
    pair = assistant.grading.next_pair()
    sides = _sides(summary["sides"])
    if pair is None:
        return (
            '<div class="panel"><h2>There is nothing to compare.</h2><p>Two answers to one question by different '
            f"paths or models make a pair: under an answer, choose “Another path”.</p></div>{sides}"
        )
    first, second = pair
    buttons = "".join(
        f'<button type="button" class="button" data-do="choose" data-choice="{choice}"><kbd>{key}</kbd> '
        f"{words}</button>"
        for choice, key, words in (
            ("first", "1", "The left is better"),
            ("second", "2", "The right is better"),
            ("tie", "3", "Equally good"),
            ("both_bad", "4", "Both are bad"),
        )
    )
    ids = f'data-first="{safe(first.answer.answer_id)}" data-second="{safe(second.answer.answer_id)}"'
    return (
        f'<h2 dir="auto">{safe(first.question)}</h2><div class="columns pair" id="pair" {ids}>'
        f'{_blind("Left", first)}{_blind("Right", second)}</div><div class="row">{buttons}</div>{sides}'
    )


def _blind(name: str, one: Logged) -> str:
    return f'<section class="panel" aria-label="{name} answer"><h3>{name}</h3>{turns.bare(one.answer)}</section>'


def _people(summary: Mapping[str, Any], history: Sequence[Weighing]) -> str:
    """Graders beside gold and beside each other, what each counts and why; and the checker beside them all."""
    if not summary["graders"] or "grades" not in current().may:
        return ""
    reasons = {one.grader: one.reason for one in history}
    rows = "".join(_person(name, count, summary, reasons) for name, count in sorted(summary["graders"].items()))
    checker = "".join(
        f"<li>{words}: {share_words(*(summary['checker'][name][part] for part in ('value', 'low', 'high', 'n')))}</li>"
        for name, words in CHECKER_WORDS.items()
    )
    return (
        '<details class="people"><summary>Graders, gold and how far the checker can be trusted</summary>'
        '<div class="table-wrap"><table><thead><tr><th>Grader</th><th class="num">Grades</th><th>Agrees with gold</th>'
        f"<th>Counts</th><th></th></tr></thead><tbody>{rows}</tbody></table></div>"
        f'<p class="row">Gold grades: {summary["gold"]} '
        '<button type="button" class="button" data-do="gold">Make my last grade gold</button></p>'
        f"<h3>The checker of sources beside the experts</h3><ul>{checker}</ul></details>"
    )


def _person(name: str, count: int, summary: Mapping[str, Any], reasons: Mapping[str, str]) -> str:
    gold = summary["against_gold"].get(name)
    near = share_words(gold["agrees"], gold["low"], gold["high"], gold["items"]) if gold else "no gold answer yet"
    weight = summary["weights"].get(name, 1.0)
    said = "in full" if weight == 1 else "not" if weight == 0 else f"{weight:.0%}"
    why = f": {safe(reasons[name])}" if weight != 1 and reasons.get(name) else ""
    other, words = (0, "Leave out") if weight else (1, "Take in again")
    button = (
        f'<button type="button" class="quiet" data-do="weigh" data-grader="{safe(name)}" data-weight="{other}">'
        f"{words}</button>"
    )
    return (
        f'<tr><td dir="auto">{safe(name)}</td><td class="num">{count}</td><td>{near}</td><td>{said}{why}</td>'
        f"<td>{button}</td></tr>"
    )


def _sides(strengths: list[dict[str, Any]]) -> str:
    if not strengths:
        return ""
    rows = "".join(
        f'<tr><td>{safe(one["name"])}</td><td class="num">{one["chance"]:.2f}</td>'
        f'<td class="num">{one["low"]:.2f} to {one["high"]:.2f}</td><td class="num">{one["comparisons"]}</td></tr>'
        for one in strengths
    )
    return (
        '<details><summary>What the choices say so far</summary><div class="table-wrap"><table><thead><tr><th>Side</th>'
        '<th class="num">Chance to beat an average one</th><th class="num">95 % interval</th>'
        f'<th class="num">Comparisons</th></tr></thead><tbody>{rows}</tbody></table></div></details>'
    )


TAB = Tab("grade", "Grade", fragment, routes, needs="grade")
