"""What a run tells while it works. The last event of every run is `Final` or `Failed`."""

from __future__ import annotations

from typing import Literal

from graphs.answer import Answer, Passage, Record, RouteDecision


class Status(Record):
    """What is being done now, in a user's words: `searching 812 documents`."""

    type: Literal["status"] = "status"
    text: str


class Routed(Record):
    """The path was chosen."""

    type: Literal["routed"] = "routed"
    decision: RouteDecision


class Found(Record):
    """Passages were found."""

    type: Literal["found"] = "found"
    passages: list[Passage]


class Token(Record):
    """More text of a draft: the final text may differ, it then replaces the draft."""

    type: Literal["token"] = "token"
    text: str


class Final(Record):
    """The run is over and the turn is saved."""

    type: Literal["final"] = "final"
    answer: Answer


class Failed(Record):
    """The run failed; nothing was invented. The question stays in the thread."""

    type: Literal["failed"] = "failed"
    error: dict[str, str]
    """`type`, `message`, `cure`."""
    thread_id: str = ""


Event = Status | Routed | Found | Token | Final | Failed
