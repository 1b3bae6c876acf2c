"""Conversations, one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from assistant.http.api.forms import Deleted, Form, Name, Short
from assistant.http.needs import needs
from assistant.records import ThreadInfo, Turn
from assistant.run_log import RunStep
from graphs.answer import Answer
from graphs.errors import CrossroadsError, NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant


class Title(Form):
    """A conversation's new name."""

    title: Short


class Conversations(BaseModel):
    """A list of conversations."""

    threads: list[ThreadInfo]


class Conversation(BaseModel):
    """A conversation with its turns."""

    thread: ThreadInfo
    turns: list[Turn]


class Steps(BaseModel):
    """What each step of a turn did; none where it is not remembered (`answering.kept_runs`)."""

    question_id: str
    steps: list[RunStep]


class Again(Form):
    """The turn to run again, and the step from which on; without them the last turn from its beginning."""

    question_id: Short = ""
    node: Short = ""


def router(assistant: Assistant) -> APIRouter:
    """List, read, rename, delete, export."""
    made = APIRouter(prefix="/threads", tags=["threads"], dependencies=[needs("ask")])
    threads = assistant.threads

    @made.get("")
    def listed(search: Short = "") -> Conversations:
        """One's conversations, the latest used first, or those a search finds."""
        return Conversations(threads=threads.list(search))

    @made.get("/{thread_id}")
    def show(thread_id: Name) -> Conversation:
        """A conversation with its turns; an interrupted turn has no answer."""
        return Conversation(thread=threads.get(thread_id), turns=list(threads.turns(thread_id)))

    @made.patch("/{thread_id}")
    def rename(thread_id: Name, title: Title) -> ThreadInfo:
        """Give it another name."""
        return threads.rename(thread_id, title.title)

    @made.delete("/{thread_id}")
    def delete(thread_id: Name) -> Deleted:
        """Delete it with everything in it."""
        threads.delete(thread_id)
        assistant.run_log.forget(thread_id)
        return Deleted(deleted=1)

    @made.get("/{thread_id}/export", response_class=PlainTextResponse)
    def export(thread_id: Name, format: Literal["markdown", "json"] = "markdown") -> str:  # noqa: A002
        """The whole conversation as text."""
        return threads.export(thread_id, format)

    _steps(made, assistant)
    return made


def _steps(made: APIRouter, assistant: Assistant) -> None:
    @made.get("/{thread_id}/turns/{question_id}/steps")
    def steps(thread_id: Name, question_id: Name) -> Steps:
        """What each step of a turn did: what it changed, how long it took, what it asked models."""
        if question_id not in {turn.question_id for turn in assistant.threads.turns(thread_id)}:
            raise NotFoundError(f"That conversation has no question {question_id!r}.", "Name one of its turns.")
        return Steps(question_id=question_id, steps=assistant.run_log.steps(question_id))

    @made.post("/{thread_id}/replay")
    def replay(thread_id: Name, again: Again) -> Answer:
        """Run a stored turn again, in a new conversation; the stored one stays as it is."""
        run = assistant.replay(thread_id, again.question_id, again.node)
        for _ in run:
            pass
        if run.answer is None:
            raise run.error or CrossroadsError("The turn ended without an answer.", "Ask again.")
        return run.answer
