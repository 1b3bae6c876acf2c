"""Every finished answer of the home with its question, by `answer_id`: what grading draws from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Column, String, Table, delete, func, insert, select
from sqlalchemy.engine import Connection, Engine

from assistant.database import metadata
from assistant.grades.types import Logged
from graphs.answer import Answer
from graphs.errors import NotFoundError

_AT_ONCE = 500
_answers = Table(
    "answers",
    metadata,
    Column("answer_id", String, primary_key=True),
    Column("thread_id", String, nullable=False, index=True),
    Column("created", String, nullable=False, index=True),
    Column("question", String, nullable=False),
    Column("answer", String, nullable=False),
)


class AnswerLog:
    """The answers of stored conversations; they go when their conversation is deleted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._outlines: dict[str, Logged] = {}

    def get(self, answer_id: str) -> Logged:
        """One answer. Raises `NotFoundError`."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_answers).where(_answers.c.answer_id == answer_id)).first()
        if row is None:
            cure = "Answers go with their conversation. See `crossroads grades list`."
            raise NotFoundError(f"No answer {answer_id!r} is kept.", cure)
        return Logged(question=row.question, answer=Answer.model_validate_json(row.answer), created=row.created)

    def recent(self, most: int = 2000) -> list[Logged]:
        """The latest answers, newest first."""
        query = select(_answers).order_by(_answers.c.created.desc(), _answers.c.answer_id).limit(most)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Logged(question=row.question, answer=Answer.model_validate_json(row.answer), created=row.created)
            for row in rows
        ]

    def count(self, most: int = 2000) -> int:
        """How many answers `recent` gives."""
        with self._engine.connect() as connection:
            return min(most, int(connection.execute(select(func.count()).select_from(_answers)).scalar_one()))

    def outlines(self, most: int = 2000) -> list[Logged]:
        """As `recent`, each answer in outline; read once and kept in memory, for the queue looks at all of them."""
        query = select(_answers.c.answer_id).order_by(_answers.c.created.desc(), _answers.c.answer_id).limit(most)
        with self._engine.connect() as connection:
            ids = list(connection.execute(query).scalars())
        known = self._outlines
        missing = [answer_id for answer_id in ids if answer_id not in known]
        found = {one.answer.answer_id: outline(one) for one in self._read(missing)}
        self._outlines = {key: found.get(key) or known[key] for key in ids if key in found or key in known}
        return list(self._outlines.values())

    def _read(self, ids: Sequence[str]) -> Iterator[Logged]:
        for start in range(0, len(ids), _AT_ONCE):
            query = select(_answers).where(_answers.c.answer_id.in_(ids[start : start + _AT_ONCE]))
            with self._engine.connect() as connection:
                rows = connection.execute(query).all()
            for row in rows:
                answer = Answer.model_validate_json(row.answer)
                yield Logged(question=row.question, answer=answer, created=row.created)


def outline(logged: Logged) -> Logged:
    """What choosing and counting look at: an answer without evidence, citations and steps."""
    answer = logged.answer
    grounding = answer.grounding.model_copy(update={"sentences": []}) if answer.grounding else None
    less: dict[str, object] = {"evidence": [], "citations": [], "steps": [], "grounding": grounding}
    return logged.model_copy(update={"answer": answer.model_copy(update=less)})


def add_answer(connection: Connection, question: str, answer: Answer) -> None:
    """Keep a finished answer within a transaction that is under way; a second time changes nothing."""
    connection.execute(delete(_answers).where(_answers.c.answer_id == answer.answer_id))
    connection.execute(
        insert(_answers).values(
            answer_id=answer.answer_id,
            thread_id=answer.thread_id,
            created=datetime.now(UTC).isoformat(timespec="microseconds"),
            question=question,
            answer=answer.model_dump_json(),
        )
    )


def forget_thread(connection: Connection, thread_id: str) -> None:
    """Drop the answers of a conversation within a transaction that is under way. Grades keep their own copy."""
    connection.execute(delete(_answers).where(_answers.c.thread_id == thread_id))
