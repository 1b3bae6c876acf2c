"""Every module that defines a table of the home's database: importing this one makes `metadata` whole."""

from __future__ import annotations

from assistant import documentation, examples, feedback, run_log, threads, tool_runs
from assistant.database import metadata
from assistant.grades import log, store
from assistant.grades import tables as grader_tables
from assistant.improving import tables as improving_tables
from assistant.knowledge import catalogue, jobs, similar
from assistant.people import tables

MODULES = (
    catalogue,
    documentation,
    examples,
    feedback,
    grader_tables,
    improving_tables,
    jobs,
    log,
    run_log,
    similar,
    store,
    tables,
    threads,
    tool_runs,
)

__all__ = ["MODULES", "metadata"]
