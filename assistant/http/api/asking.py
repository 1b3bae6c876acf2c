"""Asking, and who asks. For answers as they are written there is `/v1/chat/completions`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from pydantic import BaseModel, Field

from assistant.checking import check_text
from assistant.http.api.forms import Done, Form, Name, Short, Text
from assistant.http.body import in_thread, stopping_when_left
from assistant.http.needs import needs
from assistant.outcomes import explain
from assistant.people.caller import current
from assistant.people.roles import Role
from assistant.records import Request, Vote
from graphs.answer import Answer, Grounding, Path, RouteDecision
from graphs.errors import NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant


class Question(Form):
    """A question, and how it is to be answered."""

    question: Text
    thread_id: Short = ""
    """The conversation to go on with; empty starts one."""
    path: Path | Literal["auto"] = "auto"
    collection: Short = ""
    model: Short = ""
    effort: Literal["", "quick", "balanced", "thorough"] = ""
    contexts: list[Text] | None = Field(default=None, max_length=100)
    """Texts that stand in for retrieval."""
    replace: Short = ""
    """Id of an earlier question of the conversation: it and all after it are replaced."""
    labels: list[Short] = Field(default_factory=list, max_length=500)
    """The only answers a classification may have."""
    form: dict[str, Any] = Field(default_factory=dict)
    """The JSON schema (an object) an extraction fills."""
    fresh: bool = False
    """Whether it is answered anew though the same was answered before."""


class Claimed(Form):
    """A text, and what it is checked against: texts, or else what a collection has on each of its sentences."""

    output: Text
    contexts: list[Text] | None = Field(default=None, max_length=100)
    collection: Short = ""


class Checked(Grounding):
    """Sentence by sentence, with what was looked at."""

    evidence: list[dict[str, Any]]


class Opinion(Form):
    """A thumb, and what was said with it."""

    thread_id: Short
    vote: Literal["up", "down"]
    comment: Text = ""


class Me(BaseModel):
    """Who sends this request, and what they may."""

    person: str
    name: str
    role: Role | None
    may: list[str]
    via: str


def router(assistant: Assistant) -> APIRouter:
    """Ask, vote, and see who one is."""
    made = APIRouter(tags=["ask"])

    @made.post("/ask", dependencies=[needs("ask")])
    async def ask(question: Question, request: HttpRequest) -> Answer:
        """Answer a question; the turn is kept in a conversation. Leaving stops it."""
        cancel = threading.Event()
        async with stopping_when_left(request, cancel):
            answer: Answer = await in_thread(assistant.ask, Request(**question.model_dump()), cancel)
        return answer

    @made.post("/check", dependencies=[needs("documents")])
    def check(claimed: Claimed) -> Checked:
        """Whether a text is supported by evidence."""
        return Checked.model_validate(check_text(assistant, claimed.model_dump()))

    @made.post("/route", dependencies=[needs("ask")])
    def route(question: Question) -> RouteDecision:
        """The path a question would take and why, without answering it."""
        return explain(assistant, Request(**question.model_dump()))

    @made.get("/paths", dependencies=[needs("ask")])
    def paths() -> dict[str, str]:
        """Each path that can be asked for, and why it cannot be taken now; empty where it can."""
        return {str(path): why for path, why in assistant.paths().items()}

    @made.post("/answers/{answer_id}/vote", dependencies=[needs("ask")])
    def vote(answer_id: Name, opinion: Opinion) -> Done:
        """Keep what one thought of an answer in a conversation of one's own."""
        for turn in assistant.threads.turns(opinion.thread_id):
            if turn.answer and turn.answer.answer_id == answer_id:
                ballot = Vote(answer_id=answer_id, vote=opinion.vote, comment=opinion.comment.strip())
                assistant.vote(ballot, turn.answer, turn.question)
                return Done()
        raise NotFoundError(f"That conversation has no answer {answer_id!r}.", "Name one of its answers.")

    @made.get("/me", dependencies=[needs("signed_in")])
    def me() -> Me:
        """Who sends this request, and what they may."""
        caller = current()
        return Me(person=caller.person, name=caller.name, role=caller.role, may=sorted(caller.may), via=caller.via)

    return made
