"""The values the application's parts pass each other: a request, a conversation, a vote."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from graphs.answer import Answer, Path, Record


class Message(Record):
    """A message of a conversation its caller keeps."""

    role: Literal["system", "user", "assistant"]
    content: str


class Request(Record):
    """One turn asked of the assistant."""

    question: str
    thread_id: str = ""
    """The conversation to go on with; empty starts a new one."""
    path: Path | Literal["auto"] = "auto"
    collection: str = ""
    """Where to look; empty means the default collection."""
    model: str = ""
    """`provider:model` for this turn; empty means the configured one."""
    contexts: list[str] | None = None
    """Texts that stand in for retrieval."""
    replace: str = ""
    """Id of an earlier question of the thread: it and all after it are replaced (edit, regenerate)."""
    history: list[Message] | None = None
    """Earlier messages the caller keeps itself; the turn is then not stored as a conversation."""
    labels: list[str] = Field(default_factory=list, max_length=500)
    """The only answers a classification may have; empty lets the message say them."""
    form: dict[str, Any] = Field(default_factory=dict)
    """The JSON schema (an object) an extraction fills; empty lets the message say what."""
    effort: Literal["", "quick", "balanced", "thorough"] = ""
    """How much an answer may take; empty means the configured effort."""
    fresh: bool = False
    """Whether it is answered anew though the same question was answered before."""
    answer_tokens: int | None = None
    """At most this many tokens are written; None means the configured bound."""


class Consent(Record):
    """What a person decided about the uses of tools a turn waits with."""

    thread_id: str
    approved: list[str]
    """The `call_id`s that may run; all others are refused."""


class ThreadInfo(Record):
    """A conversation in the list of conversations."""

    thread_id: str
    title: str
    created: str
    updated: str
    turns: int


class Turn(Record):
    """A question and its answer; no answer means the turn was interrupted."""

    question_id: str
    question: str
    asked: str
    answer: Answer | None


class Vote(Record):
    """What a user thought of an answer."""

    answer_id: str
    vote: Literal["up", "down"]
    comment: str = ""
    created: str = ""
