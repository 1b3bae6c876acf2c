"""Requests come in as JSON of a bounded size; a client that leaves stops the work it asked for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
from fastapi import Request

from graphs.errors import UsageError

MOST_BYTES = 8 * 1024 * 1024
_STREAMS = 200  # requests answered at once; each holds a thread while it waits for its next event
_limiter: list[anyio.CapacityLimiter] = []

T = TypeVar("T")
_END = object()


class TooLargeError(UsageError):
    """The body of a request is larger than is read."""

    type = "too_large"


class MediaTypeError(UsageError):
    """The body of a request is not declared as JSON: a form another site's page may send unasked looks like that."""

    type = "media_type"


async def read_json(request: Request) -> dict[str, Any]:
    """The body as an object. Raises `MediaTypeError`, `TooLargeError`, `UsageError`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise MediaTypeError(
            f"The content type {kind!r} is not read.", "Send JSON, with content-type: application/json."
        )
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise TooLargeError(f"The request is larger than {MOST_BYTES >> 20} MB.", "Send less at once.")
    try:
        value = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The body is not JSON: {error}.", "Send a JSON object.") from None
    if not isinstance(value, dict):
        raise UsageError(f"The body is {type(value).__name__!r}, not an object.", "Send a JSON object.")
    return value


@asynccontextmanager
async def stopping_when_left(request: Request, cancel: threading.Event) -> AsyncIterator[None]:
    """Set `cancel` as soon as the client is gone. The body must have been read."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        cancel.set()

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()


async def each(items: Iterator[T]) -> AsyncIterator[T]:
    """The items of a blocking iterator, waited for on another thread."""
    while (item := await in_thread(next, items, _END)) is not _END:
        yield item


async def in_thread(work: Any, *arguments: Any) -> Any:
    """The result of blocking work on another thread."""
    if not _limiter:
        _limiter.append(anyio.CapacityLimiter(_STREAMS))
    return await anyio.to_thread.run_sync(work, *arguments, limiter=_limiter[0])
