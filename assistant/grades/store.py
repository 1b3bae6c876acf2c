"""Grades and blind comparisons in records.db: append-only, so that who thought what, and when, stays visible."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Float, Integer, String, Table, UniqueConstraint, delete, func, insert, select, update
from sqlalchemy.engine import Engine, Row

from assistant.database import metadata, writing
from assistant.grades.log import outline
from assistant.grades.rubric import Rubric
from assistant.grades.types import Comparison, Grade, Logged
from graphs.answer import Answer
from graphs.errors import UsageError

_grades = Table(
    "grades",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("answer_id", String, nullable=False, index=True),
    Column("grader", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("scores", String, nullable=False),
    Column("better_answer", String, nullable=False),
    Column("right_sources", String, nullable=False),
    Column("comment", String, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("rubric", String, nullable=False),
    Column("created", String, nullable=False),
    Column("question", String, nullable=False),
    Column("answer", String, nullable=False),
    Column("answered", String, nullable=False),
    UniqueConstraint("answer_id", "grader", "version"),
)
_comparisons = Table(
    "comparisons",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("first", String, nullable=False),
    Column("second", String, nullable=False),
    Column("grader", String, nullable=False),
    Column("choice", String, nullable=False),
    Column("created", String, nullable=False),
    Column("question", String, nullable=False),
    Column("first_answer", String, nullable=False),
    Column("second_answer", String, nullable=False),
)
Graded = tuple[Grade, Logged]


class Grades:
    """The grades of one home. Nothing is overwritten: of each grader and answer the latest version counts."""

    def __init__(self, engine: Engine, rubric: Rubric) -> None:
        self._engine = engine
        self.rubric = rubric
        self._outlines: dict[str, Logged] = {}

    def record(self, grade: Grade, logged: Logged) -> Grade:
        """Append a grade; on disk when this returns. Raises `UsageError` for scores the rubric does not know."""
        scores = self.rubric.check(grade.scores) if grade.outcome == "graded" else {}
        with writing(self._engine) as connection:
            mine = (_grades.c.answer_id == grade.answer_id) & (_grades.c.grader == grade.grader)
            before = connection.execute(select(func.max(_grades.c.version)).where(mine)).scalar() or 0
            stored = grade.model_copy(
                update={"scores": scores, "version": before + 1, "rubric": self.rubric.sha256, "created": _now()}
            )
            row = stored.model_dump() | {"scores": json.dumps(scores), "right_sources": json.dumps(grade.right_sources)}
            snapshot = {"question": logged.question, "answer": logged.answer.model_dump_json()}
            connection.execute(insert(_grades).values(**row, **snapshot, answered=logged.created))
        return stored

    def undo(self, grader: str) -> Grade:
        """Withdraw what this grader said last. Raises `UsageError` where there is nothing to withdraw."""
        with self._engine.connect() as connection:
            query = select(_grades).where(_grades.c.grader == grader).order_by(_grades.c.position.desc())
            rows = connection.execute(query).all()
        seen: set[str] = set()
        for row in rows:
            if row.answer_id not in seen and row.outcome != "withdrawn":
                return self.record(Grade(answer_id=row.answer_id, grader=grader, outcome="withdrawn"), _graded(row)[1])
            seen.add(row.answer_id)
        raise UsageError(f"{grader!r} has graded nothing that could be withdrawn.", "Grade something first.")

    def current(self) -> list[Graded]:
        """The latest version of every grade that was not withdrawn, oldest first, with what was graded."""
        with self._engine.connect() as connection:
            rows = connection.execute(_current(select(_grades))).all()
        return [_graded(row) for row in rows]

    def outlines(self) -> list[Graded]:
        """As `current`, each answer in outline; answers never change, so each is read once and kept in memory."""
        columns = [one for one in _grades.c if one.name != "answer"]
        with self._engine.connect() as connection:
            rows = connection.execute(_current(select(*columns))).all()
        known = self._outlines
        for answer_id in {row.answer_id for row in rows} - known.keys():
            if logged := self.logged(answer_id):
                known[answer_id] = outline(logged)
        return [(_grade(row), known[row.answer_id]) for row in rows if row.answer_id in known]

    def scores(self, answer_id: str = "") -> dict[str, list[tuple[str, dict[str, int]]]]:
        """Answer id → who gave it which scores, of every answer that has some or of one: without the answers."""
        latest = select(func.max(_grades.c.position)).group_by(_grades.c.answer_id, _grades.c.grader)
        query = select(_grades.c.answer_id, _grades.c.grader, _grades.c.scores).where(_grades.c.outcome == "graded")
        query = query.where(_grades.c.position.in_(_of(latest, answer_id))).order_by(_grades.c.position)
        found: dict[str, list[tuple[str, dict[str, int]]]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                found.setdefault(row.answer_id, []).append((row.grader, json.loads(row.scores)))
        return found

    def logged(self, answer_id: str) -> Logged | None:
        """An answer as it was graded; None where it never was, or every grade of it was withdrawn."""
        latest = _of(select(func.max(_grades.c.position)).group_by(_grades.c.answer_id, _grades.c.grader), answer_id)
        query = select(_grades).where(_grades.c.position.in_(latest), _grades.c.outcome != "withdrawn")
        with self._engine.connect() as connection:
            row = connection.execute(query.order_by(_grades.c.position).limit(1)).first()
        return _graded(row)[1] if row else None

    def history(self, answer_id: str) -> list[Grade]:
        """Every version of every grade of an answer, in the order they were given."""
        query = select(_grades).where(_grades.c.answer_id == answer_id).order_by(_grades.c.position)
        with self._engine.connect() as connection:
            return [_graded(row)[0] for row in connection.execute(query)]

    def compare(self, comparison: Comparison, first: Logged, second: Logged) -> Comparison:
        """Append a blind choice."""
        stored = comparison.model_copy(update={"created": _now()})
        texts = {"first_answer": first.answer.model_dump_json(), "second_answer": second.answer.model_dump_json()}
        with writing(self._engine) as connection:
            connection.execute(insert(_comparisons).values(**stored.model_dump(), question=first.question, **texts))
        return stored

    def comparisons(self) -> list[tuple[Comparison, str, Answer, Answer]]:
        """Every blind choice with its question and both answers, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(_comparisons).order_by(_comparisons.c.position)).all()
        return [
            (
                Comparison(**{name: getattr(row, name) for name in Comparison.model_fields}),
                row.question,
                Answer.model_validate_json(row.first_answer),
                Answer.model_validate_json(row.second_answer),
            )
            for row in rows
        ]

    def forget(self, grader: str) -> int:
        """Delete everything one person graded; how many records went. The only way a grade is ever deleted."""
        self._outlines = {}
        with writing(self._engine) as connection:
            gone = connection.execute(delete(_grades).where(_grades.c.grader == grader)).rowcount
            return int(gone) + int(
                connection.execute(delete(_comparisons).where(_comparisons.c.grader == grader)).rowcount
            )

    def given_by(self, grader: str) -> list[Grade]:
        """Every version of every grade one person gave."""
        query = select(_grades).where(_grades.c.grader == grader).order_by(_grades.c.position)
        with self._engine.connect() as connection:
            return [_graded(row)[0] for row in connection.execute(query)]

    def rename(self, grader: str, name: str) -> int:
        """Keep what one person graded under another name, which says nothing of them; how many records that were."""
        with writing(self._engine) as connection:
            changed = [
                connection.execute(update(table).where(table.c.grader == grader).values(grader=name)).rowcount
                for table in (_grades, _comparisons)
            ]
        return sum(changed)

    def forget_answers(self, answer_ids: Sequence[str]) -> int:
        """Delete what anybody graded of these answers; how many records went."""
        self._outlines = {}
        gone = 0
        with writing(self._engine) as connection:
            for answer_id in answer_ids:
                either = (_comparisons.c.first == answer_id) | (_comparisons.c.second == answer_id)
                gone += connection.execute(delete(_grades).where(_grades.c.answer_id == answer_id)).rowcount
                gone += connection.execute(delete(_comparisons).where(either)).rowcount
        return gone


def _of(query: Any, answer_id: str) -> Any:
    return query.where(_grades.c.answer_id == answer_id) if answer_id else query


def _current(query: Any) -> Any:
    latest = (
        select(func.max(_grades.c.position).label("position"))
        .group_by(_grades.c.answer_id, _grades.c.grader)
        .subquery()
    )
    query = query.join(latest, _grades.c.position == latest.c.position).order_by(_grades.c.position)
    return query.where(_grades.c.outcome != "withdrawn")


def _graded(row: Row[Any]) -> Graded:
    answer = Answer.model_validate_json(row.answer)
    return _grade(row), Logged(question=row.question, answer=answer, created=row.answered)


def _grade(row: Row[Any]) -> Grade:
    values = {name: getattr(row, name) for name in Grade.model_fields}
    values |= {"scores": json.loads(row.scores), "right_sources": json.loads(row.right_sources)}
    return Grade(**values)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
