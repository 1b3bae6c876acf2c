"""What each step of a turn did, in records.db: for the page of a run, for replay, for traces.

Kept beside the conversation and deleted with it. A turn's steps are stored once, however long the conversation is:
LangGraph's own history would hold the whole conversation again for every step.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict
from pydantic import Field
from sqlalchemy import Column, Float, Integer, String, Table, delete, func, insert, select
from sqlalchemy.engine import Connection, Engine

from assistant.database import metadata, writing
from graphs.answer import Record

if TYPE_CHECKING:
    from graphs.meter import Meter, ModelCall

_steps = Table(
    "run_steps",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("thread_id", String, nullable=False, index=True),
    Column("question_id", String, nullable=False, index=True),
    Column("node", String, nullable=False),
    Column("began", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("changed", String, nullable=False),
    Column("calls", String, nullable=False),
)


class RunStep(Record):
    """One step of a turn: which node ran, how long, what it changed, what it asked models."""

    node: str
    """The node's name; `input` is what the turn began with, `error` that it broke off after the step before."""
    began: float
    """Seconds since 1970."""
    seconds: float
    changed: dict[str, Any]
    calls: list[dict[str, Any]] = Field(default_factory=list)


class Recorder:
    """Collects the steps of a turn while it runs."""

    def __init__(self, values: Any, meter: Meter) -> None:
        self.steps: list[RunStep] = []
        self._meter = meter
        self._seen = 0
        self._last = time.time()
        if isinstance(values, dict):
            self._add("input", values)

    def take(self, updates: dict[str, Any]) -> None:
        """Note what a step changed; `updates` is what LangGraph streams as `updates`."""
        for node, changed in updates.items():
            if not node.startswith("__"):
                self._add(node, changed or {})

    def broke(self, error: BaseException) -> None:
        """Note that the turn broke off."""
        self._add("error", {"error": f"{type(error).__name__}: {error}"})

    def _add(self, node: str, changed: dict[str, Any]) -> None:
        now = time.time()
        calls: list[ModelCall] = self._meter.calls[self._seen :]
        self._seen = len(self._meter.calls)
        plain = {name: _plain(value) for name, value in changed.items()}
        step = RunStep(
            node=node,
            began=self._last,
            seconds=now - self._last,
            changed=plain,
            calls=[asdict(call) for call in calls],
        )
        self.steps.append(step)
        self._last = now


class RunLog:
    """The steps of the latest turns of one home."""

    def __init__(self, engine: Engine, kept: int) -> None:
        """`kept`: how many turns are remembered; 0 remembers none."""
        self._engine = engine
        self._kept = kept
        self._since = 0  # turns stored since old ones were looked for: that takes longer than storing one

    def store(self, thread_id: str, question_id: str, steps: Sequence[RunStep]) -> None:
        """Keep a turn's steps behind those it has; now and then forget the oldest turns beyond the bound."""
        if not self._kept or not steps:
            return
        rows = [
            {
                "thread_id": thread_id,
                "question_id": question_id,
                "node": step.node,
                "began": step.began,
                "seconds": step.seconds,
                "changed": json.dumps(step.changed, ensure_ascii=False),
                "calls": json.dumps(step.calls, ensure_ascii=False),
            }
            for step in steps
        ]
        with writing(self._engine, flushed=False) as connection:
            connection.execute(insert(_steps), rows)
            self._since += 1
            if self._since > self._kept // 10:
                self._since = 0
                connection.execute(delete(_steps).where(_steps.c.question_id.in_(self._old(connection))))

    def _old(self, connection: Connection) -> list[str]:
        latest = select(_steps.c.question_id).group_by(_steps.c.question_id)
        latest = latest.order_by(func.max(_steps.c.position).desc()).offset(self._kept)
        return list(connection.execute(latest).scalars())

    def steps(self, question_id: str) -> list[RunStep]:
        """The steps of a turn in order; none where it is not remembered."""
        query = select(_steps).where(_steps.c.question_id == question_id).order_by(_steps.c.position)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            RunStep(
                node=row.node,
                began=row.began,
                seconds=row.seconds,
                changed=json.loads(row.changed),
                calls=json.loads(row.calls),
            )
            for row in rows
        ]

    def forget(self, thread_id: str) -> None:
        """Delete the steps of a conversation."""
        with writing(self._engine) as connection:
            connection.execute(delete(_steps).where(_steps.c.thread_id == thread_id))


def _plain(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], BaseMessage):
        return {"messages": [message_to_dict(message) for message in value]}
    return value


def restored(value: Any) -> Any:
    """A stored value as the graph knows it: messages are messages again."""
    if isinstance(value, dict) and list(value) == ["messages"] and isinstance(value["messages"], list):
        return messages_from_dict(value["messages"])
    return value
