"""The project's own documentation: what a new home answers from."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, delete, insert, select
from sqlalchemy.engine import Engine

from assistant.database import writing
from assistant.knowledge.types import IngestReport

if TYPE_CHECKING:
    from assistant.knowledge.base import KnowledgeBase

_metadata = MetaData()
_facts = Table("facts", _metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False))
_LOADED = "documentation"


def find_documentation() -> list[Path]:
    """The documentation's files: beside the package in a clone, else where the wheel puts them; empty if nowhere."""
    clone = Path(__file__).resolve().parent.parent
    installed = Path(sysconfig.get_path("data")) / "share" / "crossroads" / "docs"
    for readme, folder in ((clone / "README.md", clone / "docs"), (installed / "README.md", installed)):
        guides = sorted(path for path in folder.glob("*.md") if path != readme) if folder.is_dir() else []
        if guides:
            return [*guides, *([readme] if readme.is_file() else [])]
    return []


def load_documentation(engine: Engine, knowledge: KnowledgeBase) -> IngestReport | None:
    """Ingest the documentation into a home that is new. None where that is done, or its owner loaded something first.

    It is remembered, so that documentation someone deletes does not come back.
    """
    _metadata.create_all(engine)
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
