"""What each route needs: `dependencies=[needs("grade")]`. With a route that says nothing, nothing is served."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from assistant.people.caller import Caller, current
from assistant.people.roles import Needed

MOUNTED: dict[str, Needed] = {"/ui/static": "open", "": "signed_in"}
"""What is mounted: the page's own files, and Gradio's application with everything below it."""


class Needs:
    """A dependency that refuses whoever may not. It also says so to whoever reads the routes."""

    def __init__(self, needed: Needed) -> None:
        self.needed: Needed = needed

    async def __call__(self, request: Request) -> None:
        """Raises `SignInError` or `NotAllowedError`."""
        request.scope["crossroads_needs"] = self.needed
        caller_of(request).require(self.needed)


@dataclass(frozen=True)
class Declared:
    """A route as it is served, and all that it needs; nothing where nobody said."""

    path: str
    verbs: tuple[str, ...]
    needed: tuple[Needed, ...]
    told: bool
    """Whether it stands in the OpenAPI schema."""


def needs(needed: Needed) -> Any:
    """The dependency for a route or a router."""
    return Depends(Needs(needed))


def caller_of(request: Request) -> Caller:
    """Who asks, as the guard found out; without a guard, as in a command, the home's owner."""
    found: Caller = request.scope.get("crossroads_caller") or current()
    return found


def declared(routes: Sequence[BaseRoute]) -> Iterator[Declared]:
    """Every route that is served, those of included routers too."""
    for route in iter_route_contexts(routes):
        dependant = getattr(route, "dependant", None)
        path = str(route.path_format if dependant else route.path)
        needed: tuple[Needed, ...]
        if dependant is None:
            needed = (MOUNTED[path],) if path in MOUNTED else ()
        else:
            needed = tuple(one.call.needed for one in dependant.dependencies if isinstance(one.call, Needs))
        verbs = tuple(sorted(getattr(route, "methods", None) or ()))
        yield Declared(path, verbs, needed, bool(dependant) and bool(getattr(route, "include_in_schema", False)))


def check_declared(routes: Sequence[BaseRoute]) -> None:
    """Refuse to serve a route that nobody has said who may call."""
    for route in declared(routes):
        if not route.needed:
            raise AssertionError(f"{route.path} declares no permission: give it dependencies=[needs(…)].")
