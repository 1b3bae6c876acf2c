"""What homes had before migrations were kept: makes what is not there, so that any older home is taken along."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, their indexes, and the one column that the oldest homes lack."""
    _documents()
    _facts()
    _examples()
    _votes()
    _ingest_jobs()
    _answers()
    _run_steps()
    _document_signatures()
    _comparisons()
    _grades()
    _threads()
    _turns()
    _tool_runs()
    _graders()
    _live_signals()
    _collection_changes()


def _metadata_of_older_homes() -> None:
    there = sa.inspect(op.get_bind())
    if there.has_table("documents") and "metadata" not in {column["name"] for column in there.get_columns("documents")}:
        op.add_column("documents", sa.Column("metadata", sa.Text, nullable=False, server_default="{}"))


def _documents() -> None:
    _metadata_of_older_homes()
    op.create_table(
        "documents",
        sa.Column("document_id", sa.String, primary_key=True),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("pages", sa.Text, nullable=False),
        sa.Column("page_count", sa.Integer, nullable=False),
        sa.Column("characters", sa.Integer, nullable=False),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.Column("indexed", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("added", sa.String, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False, server_default="{}"),
        if_not_exists=True,
    )
    op.create_index("ix_documents_collection", "documents", ["collection"], if_not_exists=True)
    op.create_index("ix_documents_sha256", "documents", ["sha256"], if_not_exists=True)
    op.create_index("ix_documents_source", "documents", ["source"], if_not_exists=True)
    op.create_index("ix_documents_state", "documents", ["state"], if_not_exists=True)


def _facts() -> None:
    op.create_table(
        "facts",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
        if_not_exists=True,
    )


def _examples() -> None:
    op.create_table(
        "examples",
        sa.Column("example_id", sa.String, primary_key=True),
        sa.Column("task", sa.String, nullable=False),
        sa.Column("input", sa.String, nullable=False),
        sa.Column("output", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("answer_id", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_examples_answer_id", "examples", ["answer_id"], if_not_exists=True)
    op.create_index("ix_examples_task", "examples", ["task"], if_not_exists=True)


def _votes() -> None:
    op.create_table(
        "votes",
        sa.Column("answer_id", sa.String, primary_key=True),
        sa.Column("vote", sa.String, nullable=False),
        sa.Column("comment", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        if_not_exists=True,
    )


def _ingest_jobs() -> None:
    op.create_table(
        "ingest_jobs",
        sa.Column("job_id", sa.String, primary_key=True),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("sources", sa.Text, nullable=False),
        sa.Column("follow", sa.Integer, nullable=False),
        sa.Column("again", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("cancel", sa.Integer, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("ended", sa.String, nullable=False),
        sa.Column("finished", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("current", sa.Text, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_ingest_jobs_state", "ingest_jobs", ["state"], if_not_exists=True)


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("answer_id", sa.String, primary_key=True),
        sa.Column("thread_id", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_answers_created", "answers", ["created"], if_not_exists=True)
    op.create_index("ix_answers_thread_id", "answers", ["thread_id"], if_not_exists=True)


def _run_steps() -> None:
    op.create_table(
        "run_steps",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("thread_id", sa.String, nullable=False),
        sa.Column("question_id", sa.String, nullable=False),
        sa.Column("node", sa.String, nullable=False),
        sa.Column("began", sa.Float, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("changed", sa.String, nullable=False),
        sa.Column("calls", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_run_steps_question_id", "run_steps", ["question_id"], if_not_exists=True)
    op.create_index("ix_run_steps_thread_id", "run_steps", ["thread_id"], if_not_exists=True)


def _document_signatures() -> None:
    op.create_table(
        "document_signatures",
        sa.Column("document_id", sa.String, primary_key=True),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )


def _comparisons() -> None:
    op.create_table(
        "comparisons",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("first", sa.String, nullable=False),
        sa.Column("second", sa.String, nullable=False),
        sa.Column("grader", sa.String, nullable=False),
        sa.Column("choice", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("first_answer", sa.String, nullable=False),
        sa.Column("second_answer", sa.String, nullable=False),
        if_not_exists=True,
    )


def _grades() -> None:
    op.create_table(
        "grades",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("answer_id", sa.String, nullable=False),
        sa.Column("grader", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("scores", sa.String, nullable=False),
        sa.Column("better_answer", sa.String, nullable=False),
        sa.Column("right_sources", sa.String, nullable=False),
        sa.Column("comment", sa.String, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("rubric", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        sa.Column("answered", sa.String, nullable=False),
        sa.UniqueConstraint("answer_id", "grader", "version"),
        if_not_exists=True,
    )
    op.create_index("ix_grades_answer_id", "grades", ["answer_id"], if_not_exists=True)


def _threads() -> None:
    op.create_table(
        "threads",
        sa.Column("thread_id", sa.String, primary_key=True),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("folded", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("updated", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_threads_updated", "threads", ["updated"], if_not_exists=True)


def _turns() -> None:
    op.create_table(
        "turns",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("thread_id", sa.String, nullable=False),
        sa.Column("question_id", sa.String, nullable=False, unique=True),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("asked", sa.String, nullable=False),
        sa.Column("answer_id", sa.String, nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("cost_usd", sa.Float, nullable=False),
        sa.Column("replaced_by", sa.String, nullable=False),
        sa.Column("folded", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_turns_thread_id", "turns", ["thread_id"], if_not_exists=True)


def _tool_runs() -> None:
    op.create_table(
        "tool_runs",
        sa.Column("call_id", sa.String, primary_key=True),
        sa.Column("begun", sa.String, nullable=False),
        if_not_exists=True,
    )


def _graders() -> None:
    op.create_table(
        "gold_grades",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("answer_id", sa.String, nullable=False),
        sa.Column("grader", sa.String, nullable=False),
        sa.Column("scores", sa.String, nullable=False),
        sa.Column("counts", sa.Boolean, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_gold_grades_answer_id", "gold_grades", ["answer_id"], if_not_exists=True)
    op.create_table(
        "grader_weights",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("grader", sa.String, nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_grader_weights_grader", "grader_weights", ["grader"], if_not_exists=True)


def _live_signals() -> None:
    op.create_table(
        "live_signals",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("answer_id", sa.String, nullable=False, unique=True),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("ungrounded", sa.Integer),
        sa.Column("down", sa.Integer),
        if_not_exists=True,
    )
    op.create_index("live_signals_by_model", "live_signals", ["model", "position"], if_not_exists=True)


def _collection_changes() -> None:
    op.create_table(
        "collection_changes",
        sa.Column("collection", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        if_not_exists=True,
    )
