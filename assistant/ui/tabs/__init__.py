"""The areas beside the chat. One file an area, listed in `TABS` in the order people see.

An area has a fragment of HTML, made anew each time it is opened, routes of its own below `/ui/tabs/NAME`, and a
script `static/tabs/NAME.js` that may export `enter(area)`, `leave()` and `actions` (what `data-do` buttons do).
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request

from assistant.http.needs import needs
from assistant.people.caller import current
from assistant.ui.ours import refused
from assistant.ui.tabs import evaluation, grade, knowledge, memory, models, people, training
from assistant.ui.tabs.tab import Tab
from graphs.errors import CrossroadsError, NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant


TABS: tuple[Tab, ...] = (knowledge.TAB, grade.TAB, training.TAB, models.TAB, evaluation.TAB, memory.TAB, people.TAB)


def links() -> str:
    """The row of links that leads from area to area; empty where the chat is all there is."""
    if not TABS:
        return ""
    pairs = [("", "Chat", "./"), *((tab.name, tab.title, f"./?tab={tab.name}") for tab in TABS)]
    return "".join(f'<a href="{where}" data-tab="{name}">{escape(title)}</a>' for name, title, where in pairs)


def offered() -> list[str]:
    """The areas this person may see, by name."""
    return [tab.name for tab in TABS if tab.needs in current().may]


def tab_routes(router: APIRouter, assistant: Assistant) -> None:
    """The fragment of every area, and each area's own endpoints."""

    @router.get("/tabs/{name}", dependencies=[needs("signed_in")])
    def fragment(name: str, request: Request) -> Any:
        """An area as it stands now."""
        try:
            tab = _tab(name)
            current().require(tab.needs)
            body = tab.html(assistant, dict(request.query_params))
        except CrossroadsError as error:
            return refused(error)
        return {"title": tab.title, "html": f"<h1>{escape(tab.title)}</h1>{body}", "script": tab.script}

    for tab in TABS:
        if tab.routes:
            own = APIRouter(prefix=f"/tabs/{tab.name}", dependencies=[needs(tab.changes or tab.needs)])
            tab.routes(own, assistant)
            router.include_router(own)


def _tab(name: str) -> Tab:
    for tab in TABS:
        if tab.name == name:
            return tab
    names = ", ".join(tab.name for tab in TABS) or "none"
    raise NotFoundError(f"The page has no area {name!r}.", f"There are: {names}.")
