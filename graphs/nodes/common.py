"""What several steps share: events, the clock, history."""

from __future__ import annotations

import re
import time
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.config import get_stream_writer

from graphs.answer import Step
from graphs.events import Event, Status
from graphs.state import ChatState

MARKER = re.compile(r"\s?\[\d+(?:\s*,\s*\d+)*\]")


def emit(event: Event) -> None:
    """Tell the caller what is going on; goes out at once on the graph's custom stream."""
    get_stream_writer()(event)


def step(state: ChatState, name: str, text: str) -> list[dict[str, Any]]:
    """The turn's steps with one more, which is told at once."""
    emit(Status(text=text))
    return [*state.get("steps", []), Step(name=name, text=text).model_dump()]


def elapsed(state: ChatState, phase: str, since: float) -> dict[str, float]:
    """The turn's timing with the milliseconds since `since` (of `time.time`) added to `phase`."""
    timing: dict[str, float] = dict(state.get("timing", {}))
    timing[phase] = timing.get(phase, 0.0) + (time.time() - since) * 1000
    return timing


def history(state: ChatState, most: int) -> list[BaseMessage]:
    """The messages before this turn's question, the last `most` of them, without citation markers."""
    return told_before(state)[-most:] if most else []


def told_before(state: ChatState) -> list[BaseMessage]:
    """The whole turns before this one, without citation markers."""
    before = [message for message in state.get("messages", []) if message.id != state["question_id"]]
    told = [
        message for message, following in zip(before, [*before[1:], None], strict=False) if _heard(message, following)
    ]
    return [_plain(message) for message in told]


def _heard(message: BaseMessage, following: BaseMessage | None) -> bool:
    """Not a question whose turn was interrupted: many chat templates refuse two questions in a row."""
    return message.type != "human" or (following is not None and following.type == "ai")


def _plain(message: BaseMessage) -> BaseMessage:
    content: Any = message.content
    if message.type == "ai" and isinstance(content, str):
        return message.model_copy(update={"content": MARKER.sub("", content), "response_metadata": {}})
    return message
