"""Conversations: an index in records.db, the messages in LangGraph's saver.

A turn's row is written before its first event and completed after its checkpoint is on disk, so that a killed
process leaves a turn without an answer and never an answer without its question.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Column, Float, Integer, String, Table, delete, func, insert, or_, select, update
from sqlalchemy.engine import Engine, Row

from assistant.database import metadata, writing
from assistant.grades.log import add_answer, forget_thread
from assistant.measured import MEASURED_TURNS, Measured
from assistant.people.caller import current
from assistant.records import Request, ThreadInfo, Turn
from assistant.stores import keep_latest
from assistant.turn_lock import take_turn, take_turn_on_postgres
from graphs.answer import Answer, Expected
from graphs.answer import Path as AnswerPath
from graphs.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

TITLE_CHARACTERS = 60

_threads = Table(
    "threads",
    metadata,
    Column("thread_id", String, primary_key=True),
    Column("title", String, nullable=False),
    Column("folded", String, nullable=False),
    Column("created", String, nullable=False),
    Column("updated", String, nullable=False, index=True),
    Column("person", String, nullable=False, index=True, server_default=""),  # whose it is; empty without accounts
)
_turns = Table(
    "turns",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("thread_id", String, nullable=False, index=True),
    Column("question_id", String, nullable=False, unique=True),
    Column("question", String, nullable=False),
    Column("asked", String, nullable=False),
    Column("answer_id", String, nullable=False, default=""),
    Column("path", String, nullable=False, default=""),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("cost_usd", Float, nullable=False, default=0.0),
    Column("replaced_by", String, nullable=False, default=""),
    Column("folded", String, nullable=False),
)


class Threads:
    """The conversations of one home. Each belongs to a person: of others' nothing is listed, found or changed."""

    def __init__(self, engine: Engine, saver: BaseCheckpointSaver[Any], locks: Path) -> None:
        self._engine = engine
        self._locks = locks
        self._saver = saver
        self._measured = Measured(self._latest_turns)

    def _latest_turns(self, path: AnswerPath) -> Sequence[tuple[float, float]]:
        """Seconds and dollars of the latest turns a path took, the latest first."""
        query = select(_turns.c.seconds, _turns.c.cost_usd).where(_turns.c.path == path, _turns.c.seconds > 0)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(_turns.c.position.desc()).limit(MEASURED_TURNS)).all()
        return [(float(row[0]), float(row[1])) for row in rows]

    def list(self, search: str = "") -> list[ThreadInfo]:
        """Conversations, the latest used first; with `search` those whose title or text contains it."""
        turns = select(func.count()).where(_turns.c.thread_id == _threads.c.thread_id, _turns.c.replaced_by == "")
        query = select(_threads, turns.scalar_subquery().label("turns")).order_by(_threads.c.updated.desc())
        query = query.where(_threads.c.person == current().person)
        if search.strip():
            words = search.strip().casefold()
            inside = select(_turns.c.thread_id).where(_turns.c.folded.contains(words, autoescape=True))
            query = query.where(
                or_(_threads.c.folded.contains(words, autoescape=True), _threads.c.thread_id.in_(inside))
            )
        with self._engine.connect() as connection:
            return [_info(row) for row in connection.execute(query)]

    def get(self, thread_id: str) -> ThreadInfo:
        """One conversation. Raises `NotFoundError`."""
        turns = select(func.count()).where(_turns.c.thread_id == thread_id, _turns.c.replaced_by == "")
        query = select(_threads, turns.scalar_subquery().label("turns")).where(
            _threads.c.thread_id == thread_id, _threads.c.person == current().person
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(
                f"There is no conversation {thread_id!r}.",
                "Leave the conversation out to start a new one, or name an old one.",
            )
        return _info(row)

    def turns(self, thread_id: str) -> Sequence[Turn]:
        """The turns of a conversation in order; an interrupted one has no answer. Raises `NotFoundError`."""
        self.get(thread_id)
        answers = self._answers(thread_id)
        query = (
            select(_turns)
            .where(_turns.c.thread_id == thread_id, _turns.c.replaced_by == "")
            .order_by(_turns.c.position)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Turn(
                question_id=row.question_id, question=row.question, asked=row.asked, answer=answers.get(row.question_id)
            )
            for row in rows
        ]

    def waiting(self, thread_id: str) -> tuple[str, Request]:
        """The question a conversation waits with for consent: its id, and the request. Raises `NotFoundError`."""
        self.get(thread_id)
        found = self._saver.get_tuple({"configurable": {"thread_id": thread_id}})
        values = found.checkpoint["channel_values"] if found else {}
        if _pending(found) is None:
            raise NotFoundError(
                f"Nothing in the conversation {thread_id!r} waits for consent.", "It was decided, or asked anew."
            )
        asked = values.get("asked", {})
        request = Request(question=values["question"], thread_id=thread_id, path=values["forced"], **asked)
        return values["question_id"], request

    def rename(self, thread_id: str, title: str) -> ThreadInfo:
        """Give a conversation another title. Raises `NotFoundError`, and `UsageError` for an empty title."""
        self.get(thread_id)
        title = " ".join(title.split())[:200]
        if not title:
            raise UsageError(f"A conversation cannot be called {title!r}.", "Give it at least one letter.")
        with writing(self._engine) as connection:
            values = {"title": title, "folded": title.casefold()}
            connection.execute(update(_threads).where(_threads.c.thread_id == thread_id).values(values))
        return self.get(thread_id)

    def delete(self, thread_id: str) -> None:
        """Delete a conversation with all its messages. Raises `NotFoundError`, `BusyError` while it is answered."""
        self.get(thread_id)
        release = self.take(thread_id)
        try:
            self._saver.delete_thread(thread_id)
            with writing(self._engine) as connection:
                connection.execute(delete(_turns).where(_turns.c.thread_id == thread_id))
                connection.execute(delete(_threads).where(_threads.c.thread_id == thread_id))
                forget_thread(connection, thread_id)
        finally:
            release()

    def take(self, thread_id: str) -> Callable[[], None]:
        """Hold a conversation until what is returned is called. Raises `BusyError` while it is being answered."""
        if self._engine.dialect.name == "postgresql":
            return take_turn_on_postgres(self._engine, thread_id)
        return take_turn(self._locks, thread_id)

    def export(self, thread_id: str, format: Literal["markdown", "json"] = "markdown") -> str:  # noqa: A002
        """The whole conversation as text. Raises `NotFoundError`, and `UsageError` for another format."""
        info, turns = self.get(thread_id), self.turns(thread_id)
        if format == "json":
            record = {**info.model_dump(), "turns": [turn.model_dump() for turn in turns]}
            return json.dumps(record, ensure_ascii=False, indent=2) + "\n"
        if format == "markdown":
            return "\n".join([f"# {info.title}", "", *(_as_markdown(turn) for turn in turns)])
        raise UsageError(f"Conversations are not exported as {format!r}.", "Choose markdown or json.")

    def create(self, question: str) -> str:
        """Start a conversation, named after its first question; returns its id."""
        thread_id, now = uuid.uuid4().hex, _now()
        title = title_of(question)
        row = {"thread_id": thread_id, "title": title, "folded": title.casefold(), "created": now, "updated": now}
        row["person"] = current().person
        with writing(self._engine, flushed=False) as connection:
            connection.execute(insert(_threads).values(row))
        return thread_id

    def begin(self, thread_id: str, question_id: str, question: str, replaces: Sequence[str] = ()) -> None:
        """Write down that a question was asked. The turns it replaces are hidden until it is answered."""
        row = {"thread_id": thread_id, "question_id": question_id, "question": question, "asked": _now()}
        with writing(self._engine, flushed=False) as connection:  # `finish` flushes it with the answer
            if replaces:
                hide = update(_turns).where(_turns.c.question_id.in_(replaces)).values(replaced_by=question_id)
                connection.execute(hide)
            connection.execute(insert(_turns).values(**row, folded=question.casefold()))
            connection.execute(update(_threads).where(_threads.c.thread_id == thread_id).values(updated=row["asked"]))

    def finish(self, question_id: str, answer: Answer) -> None:
        """Put the turn's checkpoint on disk, then complete the turn, and forget the turns it replaced."""
        keep_latest(self._saver, answer.thread_id)
        seconds = 0.0 if answer.stopped or answer.repeated else answer.timing.total / 1000
        values = {
            "answer_id": answer.answer_id,
            "path": answer.route.path,
            "seconds": seconds,
            "cost_usd": answer.usage.cost_usd,
            "folded": _turns.c.folded + "\n" + answer.text.casefold(),
        }
        with writing(self._engine) as connection:
            connection.execute(update(_turns).where(_turns.c.question_id == question_id).values(values))
            connection.execute(delete(_turns).where(_turns.c.replaced_by == question_id))
            connection.execute(update(_threads).where(_threads.c.thread_id == answer.thread_id).values(updated=_now()))
            asked = select(_turns.c.question).where(_turns.c.question_id == question_id)
            add_answer(connection, connection.execute(asked).scalar() or answer.question, answer)
        self._measured.took(answer.route.path, seconds, answer.usage.cost_usd)

    def fail(self, question_id: str) -> None:
        """The turn has no answer. Its question stays, unless it was to replace turns: then they come back."""
        with writing(self._engine) as connection:
            back = update(_turns).where(_turns.c.replaced_by == question_id).values(replaced_by="")
            if connection.execute(back).rowcount:
                connection.execute(delete(_turns).where(_turns.c.question_id == question_id))

    def from_question_on(self, thread_id: str, question_id: str) -> Sequence[str]:
        """The ids of a question and all later ones of its conversation. Raises `NotFoundError`."""
        query = select(_turns.c.question_id).where(_turns.c.thread_id == thread_id, _turns.c.replaced_by == "")
        with self._engine.connect() as connection:
            ids = list(connection.execute(query.order_by(_turns.c.position)).scalars())
        if question_id not in ids:
            raise NotFoundError(
                f"The conversation {thread_id!r} has no question {question_id!r}.",
                "Name a question that is still in it.",
            )
        return ids[ids.index(question_id) :]

    def messages(self, thread_id: str) -> Sequence[Any]:
        """The LangChain messages of a conversation as its last checkpoint holds them."""
        found = self._saver.get_tuple({"configurable": {"thread_id": thread_id}})
        return found.checkpoint["channel_values"].get("messages", []) if found else []

    def expected(self) -> dict[AnswerPath, Expected]:
        """What each path lately took in this home (medians); paths never taken are absent."""
        return self._measured.expected()

    def _answers(self, thread_id: str) -> dict[str, Answer]:
        """Question id → the answer that follows it."""
        answers: dict[str, Answer] = {}
        question_id = ""
        found = self._saver.get_tuple({"configurable": {"thread_id": thread_id}})
        for message in found.checkpoint["channel_values"].get("messages", []) if found else []:
            if message.type == "human":
                question_id = str(message.id)
            elif message.type == "ai" and "answer" in message.response_metadata:
                answers[question_id] = Answer.model_validate(
                    {**message.response_metadata["answer"], "thread_id": thread_id}
                )
        if found and (pending := _pending(found)):
            asking = Answer.model_validate({**pending, "thread_id": thread_id})
            answers[found.checkpoint["channel_values"]["question_id"]] = asking
        return answers


def _pending(found: CheckpointTuple | None) -> dict[str, Any] | None:
    """What a conversation's last checkpoint waits with: the `Answer` that asks for consent."""
    for _, channel, value in (found.pending_writes or []) if found else []:
        if channel == "__interrupt__" and value:
            record: dict[str, Any] = value[0].value
            return record
    return None


def title_of(question: str) -> str:
    """A short title made of a question's first line."""
    line = " ".join(next((line for line in question.splitlines() if line.strip()), "").split())
    if len(line) <= TITLE_CHARACTERS:
        return line
    cut = line[:TITLE_CHARACTERS]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut).rstrip(" ,;:.") + "…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _info(row: Row[Any]) -> ThreadInfo:
    return ThreadInfo(
        thread_id=row.thread_id, title=row.title, created=row.created, updated=row.updated, turns=row.turns
    )


def _as_markdown(turn: Turn) -> str:
    lines = [f"**You** ({turn.asked[:16].replace('T', ' ')} UTC)", "", turn.question, ""]
    if turn.answer is None:
        return "\n".join([*lines, "*No answer: this turn was interrupted.*", ""])
    answer = turn.answer
    lines += [f"**Crossroads** ({answer.model}, {answer.route.path})", "", answer.text, ""]
    for citation in answer.citations:
        page = f", page {citation.page}" if citation.page else ""
        lines.append(f"- {citation.marker} {citation.title}{page} ({citation.source}): {json.dumps(citation.snippet)}")
    return "\n".join([*lines, ""] if answer.citations else lines)
