"""Conversations, one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from assistant.http.api.forms import Deleted, Form, Name, Short
from assistant.http.needs import needs
from assistant.records import ThreadInfo, Turn

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

    return made
