"""What commands, API and page may ask of grading: plain JSON in and out."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from assistant.grades.calibration import judge_here
from assistant.grades.datasets import CARD, keep
from assistant.grades.graders import Weighing
from assistant.grades.grading import questions_of
from assistant.grades.judged import GOOD
from assistant.grades.types import Comparison, Grade, Logged
from graphs.errors import CrossroadsError, UsageError

if TYPE_CHECKING:
    from assistant.app import Assistant

log = logging.getLogger(__name__)

Arguments = dict[str, Any]


def _next(assistant: Assistant, arguments: Arguments) -> Any:
    item = assistant.grading.next(str(arguments.get("grader", "")))
    rubric = assistant.grading.store.rubric.model_dump()
    return {"item": item.model_dump(mode="json") if item else None, "rubric": rubric}


def _record(assistant: Assistant, arguments: Arguments) -> Any:
    grader = assistant.grading.grader(str(arguments.get("grader", "")))
    grade = assistant.grading.record(_made(Grade, {**arguments, "grader": grader}))
    _teach(assistant, grade)
    return grade.model_dump(mode="json")


def _undo(assistant: Assistant, arguments: Arguments) -> Any:
    grade = assistant.grading.undo(str(arguments.get("grader", "")))
    _teach(assistant, grade)
    return grade.model_dump(mode="json")


def _teach(assistant: Assistant, grade: Grade) -> None:
    """Examples and router learn: a well graded answer becomes a worked example, and is none once it is not any more.

    The grade itself is kept already: an example store that fails now is no reason to refuse it.
    """
    assistant.router.forget(grade.answer_id)
    good = grade.outcome == "graded" and assistant.grading.store.rubric.share(grade.scores) >= GOOD
    try:
        if good:
            logged = assistant.grading.logged(grade.answer_id)
            assistant.examples.learn(logged.question, logged.answer, "graded")
        else:
            assistant.examples.unlearn(grade.answer_id)
    except CrossroadsError as error:
        log.warning("the grade is kept, but not as an example: %s", error)


def _list(assistant: Assistant, _: Arguments) -> Any:
    graded = [
        {**grade.model_dump(mode="json"), "question": logged.question, "answer": logged.answer.text}
        for grade, logged in assistant.grading.store.current()
    ]
    return {"grades": graded, **assistant.grading.summary()}


def _summary(assistant: Assistant, arguments: Arguments) -> Any:
    return assistant.grading.summary(str(arguments.get("grader", "")))


def _history(assistant: Assistant, arguments: Arguments) -> Any:
    found = assistant.grading.store.history(str(arguments["answer_id"]))
    return {"grades": [grade.model_dump(mode="json") for grade in found]}


def _next_pair(assistant: Assistant, arguments: Arguments) -> Any:
    """Blind: texts and evidence alone, without path or model."""
    pair = assistant.grading.next_pair(str(arguments.get("grader", "")))
    return {"pair": None if pair is None else [_blind(one) for one in pair]}


def _blind(one: Logged) -> dict[str, Any]:
    return {"answer_id": one.answer.answer_id, "question": one.question, "text": one.answer.text}


def _compare(assistant: Assistant, arguments: Arguments) -> Any:
    grader = assistant.grading.grader(str(arguments.get("grader", "")))
    return assistant.grading.compare(_made(Comparison, {**arguments, "grader": grader})).model_dump(mode="json")


def _export(assistant: Assistant, arguments: Arguments) -> Any:
    held_out = [question for file in arguments.get("without") or [] for question in questions_of(Path(file))]
    return export_rows(assistant, str(arguments["format"]), held_out)


def export_rows(assistant: Assistant, wanted: str, held_out: list[str]) -> dict[str, Any]:
    """Rows of a format with their record and card, kept as a data set. Raises `UsageError` for another format."""
    if wanted == "router":
        return _router_rows(assistant)
    rows = assistant.grading.rows(wanted, held_out)
    kept = keep(assistant.settings.home, wanted, rows, assistant.grading.card(wanted, rows))
    return {
        **kept.record,  # its `rows` is a count
        "rows": rows.rows,
        "dataset": str(kept.folder),
        "card": (kept.folder / CARD).read_text("utf-8"),
    }


def _router_rows(assistant: Assistant) -> dict[str, Any]:
    """Outcomes of paths by grades and votes, as `crossroads train router` reads them; they hold no text."""
    from assistant.outcomes import own_rows

    rows = list(own_rows(assistant))
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    card = f"# Outcomes of paths\n\n{len(rows)} rows from grades and votes, sha256 {digest}. They hold no text.\n"
    counts = {"repeated": 0, "near": 0, "marked": 0, "held_out": 0, "unused": 0, "excluded": 0}
    return {"rows": rows, "format": "router", "sha256": digest, **counts, "dataset": "", "card": card}


def _gold(assistant: Assistant, arguments: Arguments) -> Any:
    grading, counts = assistant.grading, bool(arguments.get("counts", True))
    grader, by = str(arguments.get("grader", "")), str(arguments.get("by", ""))
    made = grading.mark_gold(str(arguments["answer_id"]), grader, by, counts)
    return {**made.model_dump(mode="json"), "counts": counts, "gold": len(grading.graders.gold())}


def _weigh(assistant: Assistant, arguments: Arguments) -> Any:
    weighed = assistant.grading.weigh(_made(Weighing, arguments))
    assistant.router.forget()
    return weighed.model_dump(mode="json")


def _graders(assistant: Assistant, _: Arguments) -> Any:
    """Every grader: grades, weight with its reason, agreement with gold and with the others; and every change."""
    summary = assistant.grading.summary()
    history = [one.model_dump(mode="json") for one in assistant.grading.graders.history()]
    kept = {name: summary[name] for name in ("graders", "weights", "gold", "against_gold", "agreement")}
    return {**kept, "history": history}


def _calibration(assistant: Assistant, arguments: Arguments) -> Any:
    found = {"checker": assistant.grading.calibration()}
    judge = assistant.settings.models.judge
    if arguments.get("judge"):
        if not judge:
            raise UsageError("No judge is set.", "Set models.judge, as --set models.judge=provider:model.")
        model = assistant.resources.chat(judge).get()
        found["judge"] = judge_here(
            lambda prompt: str(model.invoke(prompt).text), assistant.grading.store.comparisons()
        )
    return found


def _forget(assistant: Assistant, arguments: Arguments) -> Any:
    deleted = assistant.grading.forget(str(arguments["grader"]))
    assistant.router.forget()
    return {"deleted": deleted}


def _made(kind: type[Any], arguments: Arguments) -> Any:
    known = {name: value for name, value in arguments.items() if name in kind.model_fields}
    try:
        return kind.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{where!r} cannot be {first['input']!r}: {first['msg']}.", "See `crossroads grades --help`."
        ) from None


GRADING: dict[str, Callable[[Assistant, Arguments], Any]] = {
    "grades/next": _next,
    "grades/record": _record,
    "grades/undo": _undo,
    "grades/list": _list,
    "grades/summary": _summary,
    "grades/history": _history,
    "grades/pair": _next_pair,
    "grades/compare": _compare,
    "grades/export": _export,
    "grades/forget": _forget,
    "grades/gold": _gold,
    "grades/weigh": _weigh,
    "grades/graders": _graders,
    "grades/calibration": _calibration,
}
