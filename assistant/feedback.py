"""What users thought of answers, each kept with the question and the answer as they were."""

from __future__ import annotations

import builtins
import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, String, Table, delete, insert, select
from sqlalchemy.engine import Engine, Row

from assistant.database import metadata, writing
from assistant.people.caller import current
from assistant.records import Vote
from graphs.answer import Answer

_votes = Table(
    "votes",
    metadata,
    Column("answer_id", String, primary_key=True),
    Column("vote", String, nullable=False),
    Column("comment", String, nullable=False),
    Column("created", String, nullable=False),
    Column("question", String, nullable=False),
    Column("answer", String, nullable=False),
    Column("person", String, nullable=False, index=True, server_default=""),  # who voted; empty without accounts
)


class Feedback:
    """The votes of one home: one per answer, the last one counts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, vote: Vote, answer: Answer, question: str) -> Vote:
        """Store a vote, or replace the one the answer had. Returns it with the time it was given."""
        created = vote.created or datetime.now(UTC).isoformat(timespec="seconds")
        stored = vote.model_copy(update={"created": created})
        row = {**stored.model_dump(), "question": question, "answer": answer.model_dump_json()}
        row["person"] = current().person
        with writing(self._engine) as connection:
            connection.execute(delete(_votes).where(_votes.c.answer_id == vote.answer_id))
            connection.execute(insert(_votes).values(row))
        return stored

    def get(self, answer_id: str) -> Vote | None:
        """The vote an answer was given, if any."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_votes).where(_votes.c.answer_id == answer_id)).first()
        return _vote(row) if row else None

    def of(self, person: str) -> builtins.list[Vote]:
        """One person's votes."""
        query = select(_votes).where(_votes.c.person == person).order_by(_votes.c.created)
        with self._engine.connect() as connection:
            return [_vote(row) for row in connection.execute(query)]

    def forget(self, person: str) -> int:
        """Delete one person's votes. Returns how many there were."""
        with writing(self._engine) as connection:
            return int(connection.execute(delete(_votes).where(_votes.c.person == person)).rowcount)

    def list(self) -> list[Vote]:
        """All votes, the latest first."""
        with self._engine.connect() as connection:
            return [_vote(row) for row in connection.execute(select(_votes).order_by(_votes.c.created.desc()))]

    def snapshot(self, answer_id: str) -> tuple[str, Answer] | None:
        """The question and the answer as they were when the vote was given."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_votes).where(_votes.c.answer_id == answer_id)).first()
        return (row.question, Answer.model_validate(json.loads(row.answer))) if row else None


def _vote(row: Row[Any]) -> Vote:
    return Vote(answer_id=row.answer_id, vote=row.vote, comment=row.comment, created=row.created)
