"""Every HTTP request, counted and logged by its route's pattern. Bodies, queries and addresses are not looked at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from assistant.watching.log import Log
    from assistant.watching.metrics import Metrics

_QUIET = frozenset({"/health", "/ready", "/metrics"})
"""What monitors ask every few seconds is counted, not logged."""


class Watch:
    """ASGI middleware; outermost, so that what the guard refuses is seen too."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, log: Log | None) -> None:
        self._app, self._metrics, self._log = app, metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it ended; one that broke off counts as 500."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            seconds, route = time.perf_counter() - began, _route(scope)
            self._metrics.request_ended(scope["method"], route, status, seconds)
            if self._log and route not in _QUIET:
                self._log.event(
                    "request", method=scope["method"], route=route, status=status, seconds=round(seconds, 3)
                )


def _route(scope: Scope) -> str:
    """The pattern of the route that answered; all that none answered are one, and so are the page's own files."""
    route: Any = scope.get("route")
    if route is None:
        return "other"
    return str(getattr(route, "path_format", None) or getattr(route, "path", "") or "page")
