"""The values of grading. A grade is never changed: a correction is a later version of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from graphs.answer import Answer, Record

Outcome = Literal["graded", "unknown", "skipped", "withdrawn"]
"""`unknown`: the grader says they cannot judge it. `withdrawn`: an undo."""
Choice = Literal["first", "second", "tie", "both_bad"]


class Grade(Record):
    """What one expert thought of one answer."""

    answer_id: str
    grader: str = Field(min_length=1, max_length=80)
    outcome: Outcome = "graded"
    scores: dict[str, int] = Field(default_factory=dict)
    """Criterion → number; complete where `outcome` is `graded`."""
    better_answer: str = Field(default="", max_length=20_000)
    """What the answer should have been."""
    right_sources: list[str] = Field(default_factory=list)
    """Chunk ids of the passages that answer, where the expert said so."""
    comment: str = Field(default="", max_length=5_000)
    seconds: float = Field(default=0.0, ge=0)
    """How long the grader looked at it."""
    version: int = 0
    """1 is the first, each correction or undo the next; set by the store."""
    rubric: str = ""
    """The sha256 of the rubric's wording; set by the store."""
    created: str = ""


class Logged(Record):
    """An answer as it was given, with its question: what is graded."""

    question: str
    answer: Answer
    created: str


class Comparison(Record):
    """A blind choice between two answers to one question."""

    first: str
    """The answer id shown first."""
    second: str
    grader: str = Field(min_length=1, max_length=80)
    choice: Choice
    created: str = ""


class Item(Record):
    """What an expert is asked to grade next, and why it is worth the minute."""

    logged: Logged
    why: str
    left: int
    """How many more are worth grading, this one included."""
