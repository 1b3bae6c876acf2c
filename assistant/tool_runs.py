"""Which uses of acting tools have begun, in records.db: what may have taken effect is never done a second time."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Column, String, Table, insert, select
from sqlalchemy.engine import Engine

from assistant.database import metadata, writing

_runs = Table(
    "tool_runs", metadata, Column("call_id", String, primary_key=True), Column("begun", String, nullable=False)
)


class ToolRuns:
    """The ledger of one home."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, call_id: str) -> bool:
        """Write down, on disk, that a call begins; False where it had begun before."""
        with writing(self._engine) as connection:
            if connection.execute(select(_runs.c.call_id).where(_runs.c.call_id == call_id)).first():
                return False
            connection.execute(insert(_runs).values(call_id=call_id, begun=datetime.now(UTC).isoformat()))
        return True
