"""Outcomes the router learns from: what was seen of a request, and which paths answered it well.

From a home's own grades and votes, and from a run of every path over a set (`bench/outcomes.py`). Rows hold no text.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from assistant.grades.judged import BAD, GOOD
from assistant.records import Request
from eval.mixed.outcomes import Outcome, by_row

if TYPE_CHECKING:
    from assistant.app import Assistant
    from graphs.answer import Answer, RouteDecision
    from graphs.context import Context
    from graphs.routing import Look, Probe


def rows_of(assistant: Assistant, outcomes: Iterable[Outcome]) -> Iterator[dict[str, Any]]:
    """A row for each request, with what is seen of it now in this home; paths that failed count as wrong."""
    for row_id, tried in by_row(outcomes).items():
        paths = {
            path: outcome.model_dump(include={"right", "seconds", "cost_usd", "stood"})
            for path, outcome in tried.items()
            if path != "auto"
        }
        if paths:
            question = next(iter(tried.values())).question
            yield {"id": row_id, **look(assistant, question), "paths": paths}


def own_rows(assistant: Assistant) -> Iterator[dict[str, Any]]:
    """A row for each vote and each answer experts are clear about: the path taken answered well, or did not.

    Where an answer was voted on and graded, the grade counts: experts know better.
    """
    graded = {judged.logged.answer.answer_id: judged for judged in assistant.grading.judged()}
    for answer_id, judged in graded.items():
        if judged.share >= GOOD or judged.share < BAD:
            answer, question = judged.logged.answer, judged.logged.question
            yield {"id": f"grade-{answer_id}", **_own(assistant, question, answer, judged.share >= GOOD)}
    for vote in assistant.feedback.list():
        snapshot = assistant.feedback.snapshot(vote.answer_id)
        if snapshot is None:
            continue
        question, answer = snapshot
        if vote.answer_id not in graded:
            yield {"id": f"vote-{vote.answer_id}", **_own(assistant, question, answer, vote.vote == "up")}


def _own(assistant: Assistant, question: str, answer: Answer, right: bool) -> dict[str, Any]:
    outcome = {"right": right, "seconds": answer.timing.total / 1000, "cost_usd": answer.usage.cost_usd}
    looked = look(assistant, answer.question or question, seen=answer.route.seen)
    return {**looked, "paths": {answer.route.path: outcome}}


def explain(assistant: Assistant, request: Request) -> RouteDecision:
    """The decision a request would get, without answering it."""
    from graphs.routing import decide

    probe, found = _looked(assistant, request)
    context = context_of(assistant, request)
    return decide(request.question, context, probe, found, forced=request.path)


def look(assistant: Assistant, question: str, seen: dict[str, float] | None = None) -> dict[str, Any]:
    """`seen` and `vector` of a question, as the graph would see it now; `seen` is taken over where it was kept."""
    _, found = _looked(assistant, Request(question=question))
    return {"seen": seen or dict(found.seen), "vector": [round(value, 4) for value in found.vector]}


def _looked(assistant: Assistant, request: Request) -> tuple[Probe | None, Look]:
    from graphs.nodes.route import look_at
    from graphs.routing import kind_of
    from graphs.searching import search
    from graphs.tasks import find_task

    context, question = context_of(assistant, request), request.question
    passages = search(question, context).passages if kind_of(question) in ("question", "self") else []
    return look_at(question, question, find_task(question, request.labels, request.form), context, passages)


def context_of(assistant: Assistant, request: Request) -> Context:
    """What a run of this request might use."""
    from assistant.answering import context_for

    return context_for(assistant, request, threading.Event())
