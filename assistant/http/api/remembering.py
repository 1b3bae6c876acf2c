"""What is remembered for a person across conversations, and consent to the use of tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from pydantic import BaseModel, Field

from assistant.facts import Fact
from assistant.http.api.forms import Done, Form, Name, Short, Text
from assistant.http.needs import needs
from assistant.records import Consent
from graphs.answer import Answer
from graphs.errors import CrossroadsError

if TYPE_CHECKING:
    from assistant.app import Assistant


class Remembered(BaseModel):
    """Everything one asked to keep."""

    facts: list[Fact]


class Kept(Form):
    """What to keep."""

    text: Text


class Approved(Form):
    """The uses of tools that may run, by `call_id`; all others are refused."""

    approved: list[Short] = Field(default_factory=list, max_length=50)


def router(assistant: Assistant) -> APIRouter:
    """Facts and consent."""
    made = APIRouter(dependencies=[needs("ask")])

    @made.get("/facts", tags=["memory"])
    def facts() -> Remembered:
        """What is remembered."""
        return Remembered(facts=assistant.facts.list())

    @made.post("/facts", tags=["memory"], status_code=201)
    def keep(kept: Kept) -> Fact:
        """Remember something."""
        return assistant.facts.add(kept.text)

    @made.put("/facts/{fact_id}", tags=["memory"])
    def edit(fact_id: Name, kept: Kept) -> Fact:
        """Say it otherwise."""
        return assistant.facts.edit(fact_id, kept.text)

    @made.delete("/facts/{fact_id}", tags=["memory"])
    def forget(fact_id: Name) -> Done:
        """Forget it."""
        assistant.facts.delete(fact_id)
        return Done()

    @made.post("/threads/{thread_id}/consent", tags=["ask"])
    def consent(thread_id: Name, approved: Approved) -> Answer:
        """Go on with a turn that waits for one's consent; the answer."""
        run = assistant.resume(Consent(thread_id=thread_id, approved=list(approved.approved)))
        for _ in run:
            pass
        if run.answer is None:
            raise run.error or CrossroadsError("The turn ended without an answer.", "Ask again.")
        return run.answer

    return made
