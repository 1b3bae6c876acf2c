"""`/api/v1/…`: everything the page can do, for programs, as JSON that OpenAPI describes.

One file an area, each a function `router(assistant)`, listed in `AREAS`. A new endpoint:

    @router.get("/things/{name}", dependencies=[needs("models")])
    def thing(name: Name) -> Thing:
        \"""One line that the OpenAPI page shows.\"""
        return assistant.things.get(name)

`needs(…)` says who may call it (`assistant/people/roles.py`); without it nothing is served. Errors of ours that it
raises leave as {"error": {type, message, cure}} with their status. What is done for the log goes to
`assistant.people.caller.note`. The tests of roles and of the schema take a new endpoint along by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import APIRouter

from assistant.http.api import (
    asking,
    documents,
    examples,
    graders,
    grades,
    improving,
    knowledge,
    models,
    operating,
    people,
    prompts,
    remembering,
    runs,
    threads,
)
from assistant.http.api.forms import ERRORS

if TYPE_CHECKING:
    from assistant.app import Assistant

AREAS: tuple[Callable[[Assistant], APIRouter], ...] = (
    asking.router,
    threads.router,
    remembering.router,
    documents.router,
    knowledge.router,
    grades.router,
    graders.router,
    examples.router,
    prompts.router,
    runs.router,
    models.router,
    improving.router,
    people.router,
    operating.router,
)


def api_router(assistant: Assistant) -> APIRouter:
    """Every area below `/api/v1`."""
    whole = APIRouter(prefix="/api/v1", responses=ERRORS)
    for area in AREAS:
        whole.include_router(area(assistant))
    return whole
