"""The project's own documentation: what a new home answers from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, String, Table, delete, insert, select
from sqlalchemy.engine import Engine

from assistant.database import metadata, writing
from assistant.knowledge.types import IngestReport

if TYPE_CHECKING:
    from assistant.knowledge.base import KnowledgeBase

_facts = Table("facts", metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False))
_LOADED = "documentation"


def find_documentation() -> list[Path]:
    """The documentation's files: inside an installed package, else `docs/` of the clone; empty if nowhere."""
    package = Path(__file__).resolve().parent
    for folder in (package / "_documentation", package.parent / "docs"):
        pages = sorted(folder.rglob("*.md"))
        if pages:
            return pages
    return []


def load_documentation(engine: Engine, knowledge: KnowledgeBase) -> IngestReport | None:
    """Ingest the documentation into a home that is new. None where that is done, or its owner loaded something first.

    It is remembered, so that documentation someone deletes does not come back.
    """
    state = _state(engine)
    if state == "done":
        return None
    report = None
    if state == "begun" or not knowledge.documents():
        _remember(engine, "begun")  # a process killed from here on leaves some of it: the next start goes on
        report = knowledge.ingest([str(path) for path in find_documentation()])
    if report is None or not report.failed:
        _remember(engine, "done")
    return report


def _state(engine: Engine) -> str:
    with engine.connect() as connection:
        return connection.execute(select(_facts.c.value).where(_facts.c.name == _LOADED)).scalar() or ""


def _remember(engine: Engine, state: str) -> None:
    with writing(engine) as connection:
        connection.execute(delete(_facts).where(_facts.c.name == _LOADED))
        connection.execute(insert(_facts).values(name=_LOADED, value=state))
