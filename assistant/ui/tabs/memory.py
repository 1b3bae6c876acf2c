"""The area "Memory": the facts the user asked to remember."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from assistant.ui.ours import from_our_page, refused
from assistant.ui.tabs.tab import Tab
from assistant.ui.words import text as safe
from graphs.errors import CrossroadsError

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.facts import Fact


class Words(BaseModel):
    """A fact as it was typed."""

    text: str


def html(assistant: Assistant, _: Mapping[str, str]) -> str:
    """The list of facts, each with what can be done to it, and a box for a new one."""
    facts = assistant.facts.list()
    rows = "".join(_row(fact) for fact in facts)
    listed = f'<ul class="plain facts">{rows}</ul>' if facts else "<p>You have not asked me to remember anything.</p>"
    return (
        "<p>What you asked me to remember, in every conversation. Say “remember that …” in the chat, or write it "
        "here.</p>"
        f"{listed}"
        '<form class="add-fact"><label>Something to remember '
        '<input name="text" maxlength="1000" required dir="auto"></label> '
        '<button class="button" type="submit">Remember</button></form>'
    )


def _row(fact: Fact) -> str:
    return (
        f'<li data-fact="{safe(fact.fact_id)}"><form class="edit-fact"><label><span class="sr">Fact</span>'
        f'<input name="text" maxlength="1000" required dir="auto" value="{safe(fact.text)}"></label> '
        '<button class="quiet" type="submit">Save</button> '
        '<button class="quiet" type="button" data-do="forget">Forget</button></form></li>'
    )


def routes(router: APIRouter, assistant: Assistant) -> None:
    """Adding, changing and forgetting."""

    @router.post("/facts", dependencies=[Depends(from_our_page)])
    def add(words: Words) -> Any:
        """Remember a fact."""
        return _done(lambda: assistant.facts.add(words.text))

    @router.post("/facts/{fact_id}", dependencies=[Depends(from_our_page)])
    def edit(fact_id: str, words: Words) -> Any:
        """Change a fact."""
        return _done(lambda: assistant.facts.edit(fact_id, words.text))

    @router.delete("/facts/{fact_id}", dependencies=[Depends(from_our_page)])
    def forget(fact_id: str) -> Any:
        """Forget a fact."""
        return _done(lambda: assistant.facts.delete(fact_id))


def _done(work: Any) -> Any:
    try:
        work()
    except CrossroadsError as error:
        return refused(error)
    return {"ok": True}


TAB = Tab("memory", "Memory", html, routes)
