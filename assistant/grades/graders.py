"""What is known about graders: how near they are to gold grades, and how much their grades count, openly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import Field
from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.engine import Engine

from assistant.database import writing
from assistant.grades.rubric import Rubric
from assistant.grades.store import Graded
from assistant.grades.tables import gold, weights
from assistant.grades.types import Grade
from graphs.answer import Record
from graphs.errors import UsageError


class Weighing(Record):
    """How much a grader's grades count, who said so and why. 1 is the rule, 0 leaves them out."""

    grader: str = Field(min_length=1, max_length=80)
    weight: float = Field(ge=0, le=1)
    reason: str = Field(default="", max_length=1000)
    by: str = ""
    created: str = ""


class Gold(Record):
    """A grade the owner has fixed as the right one."""

    answer_id: str
    grader: str
    scores: dict[str, int]
    by: str = ""
    created: str = ""


class Graders:
    """Gold grades and weights of one home; nothing is overwritten, so every change can be seen and taken back."""

    def __init__(self, engine: Engine, rubric: Rubric) -> None:
        self._engine, self._rubric = engine, rubric

    def mark(self, grade: Grade, by: str, counts: bool = True) -> Gold:
        """Fix a grade as the right one, or let go of it again. Raises `UsageError` for a grade without scores."""
        if grade.outcome != "graded":
            raise UsageError(f"{grade.grader!r} gave {grade.answer_id!r} no scores.", "Choose a grade with scores.")
        made = Gold(answer_id=grade.answer_id, grader=grade.grader, scores=grade.scores, by=by, created=_now())
        with writing(self._engine) as connection:
            row = {**made.model_dump(), "scores": json.dumps(made.scores), "counts": counts}
            connection.execute(insert(gold).values(**row))
        return made

    def gold(self) -> dict[str, Gold]:
        """Answer id → the right grade."""
        rows = [row for row in self._latest(gold, "answer_id") if row.counts]
        return {
            row.answer_id: Gold(
                answer_id=row.answer_id, grader=row.grader, scores=json.loads(row.scores), by=row.by,
                created=row.created,
            )
            for row in rows
        }  # fmt: skip

    def weigh(self, weighing: Weighing) -> Weighing:
        """Say how much a grader's grades count. Raises `UsageError` where another weight than 1 has no reason."""
        if weighing.weight != 1 and not weighing.reason.strip():
            cure = "Say why, with --reason: everybody sees it."
            raise UsageError(f"{weighing.grader!r} would count {weighing.weight:g} without a reason.", cure)
        stored = weighing.model_copy(update={"created": _now()})
        with writing(self._engine) as connection:
            connection.execute(insert(weights).values(**stored.model_dump()))
        return stored

    def weights(self) -> dict[str, float]:
        """Grader → weight; who is absent counts 1."""
        return {row.grader: row.weight for row in self._latest(weights, "grader")}

    def history(self) -> list[Weighing]:
        """Every weight that was ever given, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(weights).order_by(weights.c.position)).all()
        return [Weighing(**{name: getattr(row, name) for name in Weighing.model_fields}) for row in rows]

    def forget(self, grader: str) -> int:
        """Delete what is known of one person; how many records went."""
        with writing(self._engine) as connection:
            return sum(int(connection.execute(delete(t).where(t.c.grader == grader)).rowcount) for t in (gold, weights))

    def rename(self, grader: str, name: str) -> int:
        """Keep what concerns one person, or was said by them, under another name; how many records that were."""
        with writing(self._engine) as connection:
            return sum(
                int(connection.execute(update(table).where(column == grader).values({column: name})).rowcount)
                for table in (gold, weights)
                for column in (table.c.grader, table.c.by)
            )

    def against_gold(self, graded: Sequence[Graded]) -> dict[str, dict[str, Any]]:
        """Grader → `agrees` with its 95 % interval, over `items` gold answers this grader graded too.

        A number agrees within 1 of the gold one on a scale, and where it is the same for yes and no. Answers are
        drawn whole for the interval. The gold grade itself says nothing of whoever gave it.
        """
        right = self.gold()
        found: dict[str, dict[str, list[float]]] = {}
        for grade, _ in graded:
            fixed = right.get(grade.answer_id)
            if fixed is None or grade.outcome != "graded" or fixed.grader == grade.grader:
                continue
            found.setdefault(grade.grader, {})[grade.answer_id] = self._agrees(grade.scores, fixed.scores)
        return {grader: _share(items) for grader, items in sorted(found.items())}

    def _agrees(self, scores: Mapping[str, int], right: Mapping[str, int]) -> list[float]:
        shared = [one for one in self._rubric.criteria if one.name in scores and one.name in right]
        return [float(abs(scores[one.name] - right[one.name]) <= (1 if one.kind == "scale" else 0)) for one in shared]

    def _latest(self, table: Table, key: str) -> list[Any]:
        last = select(func.max(table.c.position)).group_by(table.c[key])
        with self._engine.connect() as connection:
            return list(connection.execute(select(table).where(table.c.position.in_(last)).order_by(table.c.position)))


def _share(items: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The share of numbers that agree, with its interval; answers are drawn whole."""
    import numpy as np

    from eval.scorers.base import mean
    from eval.statistics import interval

    rows = [(value, item) for item, values in items.items() for value in values]
    parts = np.array([[value, 1.0] for value, _ in rows]).reshape(-1, 2)
    had = interval(mean("agrees"), parts, [item for _, item in rows])
    low, high = (had.low, had.high) if had else (None, None)
    return {"agrees": round(had.value, 4) if had else None, "low": low, "high": high, "items": len(items)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
