"""Who grades how well: gold grades, what a grader counts, and how far the automatic checker agrees with people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from assistant.grades.graders import Weighing
from assistant.grades.operations import GRADING
from assistant.http.api.forms import Deleted, Form, Name, Short
from assistant.http.needs import needs
from assistant.people.caller import current, note
from assistant.records import Vote

if TYPE_CHECKING:
    from assistant.app import Assistant


class Golden(Form):
    """The grade that is right: of which answer, by whom. `counts` false takes it back."""

    answer_id: Short
    grader: Short = ""
    counts: bool = True


class Weighed(Form):
    """What a grader counts from now on, and why: 1 in full, 0 not at all."""

    grader: str = Field(min_length=1, max_length=80)
    weight: float = Field(ge=0, le=1)
    reason: Short = ""


class Votes(BaseModel):
    """Thumbs, and what was said with them."""

    votes: list[Vote]


def router(assistant: Assistant) -> APIRouter:
    """Graders, gold and calibration."""
    may = [needs("grades")]
    made = APIRouter(tags=["grades"], dependencies=may)

    @made.get("/graders")
    def graders() -> dict[str, Any]:
        """Every grader with weight and agreement, and every change of a weight."""
        told: dict[str, Any] = GRADING["grades/graders"](assistant, {})
        return told

    @made.post("/graders/weigh")
    def weigh(weighed: Weighed) -> Weighing:
        """Count a grader less, or in full again; openly, with who said so and why."""
        note(f"{weighed.grader}: {weighed.weight:g}")
        return Weighing.model_validate(
            GRADING["grades/weigh"](assistant, {**weighed.model_dump(), "by": current().name})
        )

    @made.post("/graders/gold")
    def gold(golden: Golden) -> dict[str, Any]:
        """Fix a grade as the right one; graders are held against it."""
        note(golden.answer_id)
        told: dict[str, Any] = GRADING["grades/gold"](assistant, {**golden.model_dump(), "by": current().name})
        return told

    @made.get("/graders/calibration")
    def calibration(judge: bool = False) -> dict[str, Any]:
        """How far the checker of sources agrees with the experts, with intervals; with `judge` the judge model too."""
        told: dict[str, Any] = GRADING["grades/calibration"](assistant, {"judge": judge})
        return told

    @made.delete("/graders/{grader}", dependencies=[needs("people")])
    def forget(grader: Name) -> Deleted:
        """Delete everything one person graded, with gold grades of theirs and their weight."""
        note(grader)
        return Deleted.model_validate(GRADING["grades/forget"](assistant, {"grader": grader}))

    @made.get("/votes")
    def votes() -> Votes:
        """What users thought of answers, the latest first."""
        return Votes(votes=assistant.feedback.list())

    return made
