"""The log of who did what, and when. Lines are added and never changed; none holds a question, an answer or a text."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlalchemy.engine import Engine

from assistant.database import writing
from assistant.people.caller import Caller
from assistant.people.tables import accounts, audit
from graphs.answer import Record


class Line(Record):
    """One thing that was done, or tried."""

    position: int
    at: str
    person: str
    """The account's id; empty where there are no accounts, or nobody was signed in."""
    name: str
    via: str
    """How they came: session, token, home (a command on this machine), local (no accounts), nobody."""
    action: str
    about: str
    outcome: str
    """`done`, `refused`, or the status of the response."""


Lines = list[Line]


class Audit:
    """The log of one home."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, caller: Caller, action: str, about: str = "", outcome: str = "done") -> None:
        """Write one line; on disk when this returns."""
        row = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "person": caller.person,
            "via": caller.via,
            "action": action[:200],
            "about": about[:500],
            "outcome": outcome,
        }
        with writing(self._engine) as connection:
            connection.execute(insert(audit).values(row))

    def list(self, most: int = 200, before: int = 0, person: str = "") -> Lines:
        """The latest lines, newest first; `before` a position pages on, `person` shows one person's."""
        query = (
            select(audit, accounts.c.name)
            .outerjoin(accounts, accounts.c.person == audit.c.person)
            .order_by(audit.c.position.desc())
            .limit(most)
        )
        query = query.where(audit.c.position < before) if before else query
        query = query.where(audit.c.person == person) if person else query
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Line.model_validate({**row._mapping, "name": row.name or _unnamed(row.person)}) for row in rows]


def _unnamed(person: str) -> str:
    return "someone who was deleted" if person else ""
