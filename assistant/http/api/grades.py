"""Grades, the queue of what is worth one, blind comparisons, and the training rows that come of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from assistant.grades.operations import GRADING, export_rows
from assistant.grades.rows import Format
from assistant.grades.types import Choice, Comparison, Grade, Item
from assistant.http.api.forms import Form, Name, Short, Text
from assistant.http.needs import needs
from assistant.people.caller import note

if TYPE_CHECKING:
    from assistant.app import Assistant


Exported = Format | Literal["router"]


class Given(Form):
    """A grade. Who gives it is the account's name."""

    answer_id: Short
    outcome: Literal["graded", "unknown", "skipped"] = "graded"
    scores: dict[Short, int] = Field(default_factory=dict)
    better_answer: Text = ""
    right_sources: list[Short] = Field(default_factory=list, max_length=100)
    comment: str = Field(default="", max_length=5_000)
    seconds: float = Field(default=0.0, ge=0, le=86_400)


class Chosen(Form):
    """A blind choice."""

    first: Short
    second: Short
    choice: Choice


class Wanted(Form):
    """A format, and questions that are held out."""

    format: Exported
    without: list[Text] = Field(default_factory=list, max_length=20_000)


class Next(BaseModel):
    """The answer that is worth the next minute, and the rubric it is graded by; null where nothing is left."""

    item: Item | None
    rubric: dict[str, Any]


class Pair(BaseModel):
    """Two answers to one question, without path or model; null where there are none."""

    pair: list[dict[str, Any]] | None


class History(BaseModel):
    """Every version of every grade of an answer."""

    grades: list[Grade]


def router(assistant: Assistant) -> APIRouter:
    """Grade, compare, and look at what was graded."""
    made = APIRouter(tags=["grades"])
    _giving(made, assistant)
    _seeing(made, assistant)
    return made


def _giving(made: APIRouter, assistant: Assistant) -> None:
    may = [needs("grade")]

    @made.get("/queue", dependencies=may)
    def queue() -> Next:
        """The answer that is worth one's next minute."""
        return Next.model_validate(GRADING["grades/next"](assistant, {}))

    @made.get("/queue/pair", dependencies=may)
    def pair() -> Pair:
        """Two answers to compare blindly."""
        return Pair.model_validate(GRADING["grades/pair"](assistant, {}))

    @made.post("/grades", dependencies=may, status_code=201)
    def grade(given: Given) -> Grade:
        """Keep a grade; on disk when this answers. A second grade of an answer is a new version of the first."""
        return Grade.model_validate(GRADING["grades/record"](assistant, given.model_dump()))

    @made.post("/grades/undo", dependencies=may)
    def undo() -> Grade:
        """Take back what one said last."""
        return Grade.model_validate(GRADING["grades/undo"](assistant, {}))

    @made.post("/comparisons", dependencies=may, status_code=201)
    def compare(chosen: Chosen) -> Comparison:
        """Keep a blind choice."""
        return Comparison.model_validate(GRADING["grades/compare"](assistant, chosen.model_dump()))

    @made.get("/grades/summary", dependencies=may)
    def summary() -> dict[str, Any]:
        """Progress and agreement."""
        told: dict[str, Any] = GRADING["grades/summary"](assistant, {})
        return told


def _seeing(made: APIRouter, assistant: Assistant) -> None:
    may = [needs("grades")]

    @made.get("/grades", dependencies=may)
    def listed() -> dict[str, Any]:
        """The grades that count, with question and answer."""
        told: dict[str, Any] = GRADING["grades/list"](assistant, {})
        return told

    @made.get("/grades/export", dependencies=may)
    def export(format: Exported) -> dict[str, Any]:  # noqa: A002
        """Training rows from the grades, with their hash and card; `router` are outcomes of paths, without text."""
        return _rows(format, [])

    @made.post("/grades/export", dependencies=may)
    def export_without(wanted: Wanted) -> dict[str, Any]:
        """The same without rows whose question is near to one of these, such as those of an evaluation set."""
        return _rows(wanted.format, wanted.without)

    def _rows(wanted: Exported, without: list[str]) -> dict[str, Any]:
        note(wanted)
        return export_rows(assistant, wanted, without)

    @made.get("/grades/{answer_id}/history", dependencies=may)
    def history(answer_id: Name) -> History:
        """Every version of every grade of an answer."""
        return History.model_validate(GRADING["grades/history"](assistant, {"answer_id": answer_id}))
