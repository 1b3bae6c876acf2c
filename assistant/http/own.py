"""`/own/…`: the operations for the home's own commands, as lines of JSON: `event`s, then a `result` or an `error`."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from assistant.http.body import each, in_thread, read_json, stopping_when_left
from assistant.http.errors import status_of
from assistant.http.needs import needs
from assistant.operations import OPERATIONS, Operation, Steps
from assistant.turn import explain

if TYPE_CHECKING:
    from assistant.app import Assistant


def own_router(assistant: Assistant) -> APIRouter:
    """One POST route for each operation. Only for who can read the token in the home: they may name files to read."""
    router = APIRouter(prefix="/own", include_in_schema=False, dependencies=[needs("home")])
    for name, operation in OPERATIONS.items():
        router.add_api_route(f"/{name}", _route(assistant, operation), methods=["POST"])
    return router


def _route(assistant: Assistant, operation: Operation) -> Any:
    async def route(request: Request) -> Response:
        arguments = await read_json(request)
        cancel = threading.Event()
        lines = _Lines(operation(assistant, arguments, cancel))
        async with stopping_when_left(request, cancel):
            first = await in_thread(next, lines)
        if lines.failed_with:
            return Response(_line(first), lines.failed_with, media_type="application/json")
        return StreamingResponse(_stream(request, first, lines, cancel), media_type="application/x-ndjson")

    return route


class _Lines(Iterator[dict[str, Any]]):
    """The steps of an operation as records, its result or error the last of them."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._over = False
        self.failed_with = 0

    def __next__(self) -> dict[str, Any]:
        if self._over:
            raise StopIteration
        try:
            return {"event": next(self._steps)}
        except StopIteration as end:
            self._over = True
            return {"result": end.value}
        except Exception as error:
            self._over = True
            explained = explain(error)
            self.failed_with = status_of(explained)
            return explained.as_json()

    def close(self) -> None:
        """Stop what has not ended."""
        self._steps.close()


async def _stream(
    request: Request, first: dict[str, Any], lines: _Lines, cancel: threading.Event
) -> AsyncIterator[bytes]:
    try:
        async with stopping_when_left(request, cancel):
            yield _line(first)
            async for record in each(lines):
                yield _line(record)
    finally:
        cancel.set()
        threading.Thread(target=lines.close, daemon=True).start()  # it may take a moment: nobody here waits for it


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"
