"""`POST /v1/chat/completions` and `GET /v1/models`, as OpenAI's clients know them.

Messages sent along are the conversation; nothing is stored unless `thread_id` names a stored one. What streams is
text that stands: where an answer is checked against documents the draft is held back until it has been.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from assistant.http.body import each, in_thread, read_json, stopping_when_left
from assistant.http.completion_request import (
    CompletionRequest,
    ParameterError,
    UnknownModelError,
    as_request,
    model_names,
    parse_completion,
)
from assistant.http.errors import openai_error, status_of
from assistant.http.needs import needs
from assistant.turn import TurnRun
from graphs.answer import Answer
from graphs.errors import CrossroadsError
from graphs.events import Failed, Final, Routed, Token

if TYPE_CHECKING:
    from assistant.app import Assistant

PATIENCE_SECONDS = 15.0
"""How long a stream waits for an answer that is being checked before it begins, so that an error has its status."""
_CHECKED_PATHS = ("rag", "tuned_rag")
_PIECES = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+")


def completions_router(assistant: Assistant) -> APIRouter:
    """OpenAI's addresses."""
    router = APIRouter(prefix="/v1", tags=["openai"], dependencies=[needs("ask")])
    started = int(time.time())

    @router.get("/models")
    async def models() -> dict[str, Any]:
        """The names that may be asked for: `crossroads` picks the path itself, the others force one."""
        data = [{"id": name, "object": "model", "created": started, "owned_by": "crossroads"} for name in model_names()]
        return {"object": "list", "data": data}

    @router.get("/models/{name}")
    async def model(name: str) -> Response:
        """One of them."""
        if name not in model_names():
            return _refused(UnknownModelError(f"There is no model {name!r}.", "See /v1/models."))
        return JSONResponse({"id": name, "object": "model", "created": started, "owned_by": "crossroads"})

    @router.post("/chat/completions")
    async def complete(request: Request) -> Response:
        """Answer the last message."""
        try:
            asked = parse_completion(await read_json(request))
            return await _complete(assistant, request, asked)
        except CrossroadsError as error:
            return _refused(error)

    return router


async def _complete(assistant: Assistant, request: Request, asked: CompletionRequest) -> Response:
    cancel = threading.Event()
    run: TurnRun = await in_thread(assistant.stream, as_request(asked), cancel)
    completion = _Completion(asked, run, assistant.settings.answering.answer_tokens)
    certain = asyncio.create_task(completion.until_certain())
    async with stopping_when_left(request, cancel):
        await asyncio.wait({certain}, timeout=PATIENCE_SECONDS if asked.stream else None)
    if run.error:
        raise run.error
    if not asked.stream:
        return JSONResponse(completion.whole(cast(Answer, run.answer)))
    lines = _events(request, cancel, completion, certain)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"cache-control": "no-cache"})


class _Completion:
    """One completion: what its chunks have in common, and how far its text has been sent."""

    def __init__(self, asked: CompletionRequest, run: TurnRun, most_tokens: int) -> None:
        self.asked = asked
        self.run = run
        self._events = each(run)
        self._most = asked.answer_tokens or most_tokens
        self._about = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": asked.model}
        self._sent = ""

    async def until_certain(self) -> str:
        """Wait until the answer is there or text comes that will stand; that text. Sets the status of the response."""
        checked = True
        async for event in self._events:
            if isinstance(event, Routed):
                checked = event.decision.path in _CHECKED_PATHS
            if isinstance(event, Token) and not checked and self.asked.stream:
                return event.text
            if isinstance(event, Final | Failed):
                break
        return ""

    async def texts(self, early: str) -> AsyncIterator[str]:
        """The text in pieces, `early` first."""
        if early:
            self._sent = early
            yield early
            async for event in self._events:
                if isinstance(event, Token):
                    self._sent += event.text
                    yield event.text
        if self.run.answer:
            for piece in _PIECES.findall(_rest(self.run.answer.text, self._sent)):
                yield piece

    def chunk(self, delta: dict[str, str], finish: str | None = None, **more: Any) -> dict[str, Any]:
        """A chunk of a stream."""
        usage = {"usage": None} if self.asked.with_usage else {}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._about, "object": "chat.completion.chunk", "choices": [choice], **usage, **more}

    def usage_chunk(self, answer: Answer) -> dict[str, Any]:
        """The last chunk where the client wants the usage."""
        last = {"choices": [], "usage": _usage(answer), "crossroads": _beside(answer)}
        return {**self._about, "object": "chat.completion.chunk", **last}

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The completion in one piece."""
        message = {"role": "assistant", "content": answer.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish(answer)}
        more = {"usage": _usage(answer), "crossroads": _beside(answer)}
        return {**self._about, "object": "chat.completion", "choices": [choice], **more}

    def finish(self, answer: Answer) -> str:
        """Why the text ends: `length` where the model was cut short."""
        written = not (answer.quoted or answer.abstained or answer.stopped)
        return "length" if written and answer.usage.completion_tokens >= self._most else "stop"


async def _events(
    request: Request, cancel: threading.Event, completion: _Completion, certain: asyncio.Task[str]
) -> AsyncIterator[bytes]:
    try:
        async with stopping_when_left(request, cancel):
            while not (await asyncio.wait({certain}, timeout=0 if certain.done() else PATIENCE_SECONDS))[0]:
                yield b": still working\n\n"
            yield _event(completion.chunk({"role": "assistant", "content": ""}))
            async for text in completion.texts(certain.result()):
                yield _event(completion.chunk({"content": text}))
            error, answer = completion.run.error, completion.run.answer
            if error or answer is None:
                yield _event(openai_error(error or CrossroadsError("There is no answer.", "Ask again.")))
                return
            yield _event(completion.chunk({}, completion.finish(answer), crossroads=_beside(answer)))
            if completion.asked.with_usage:
                yield _event(completion.usage_chunk(answer))
            yield b"data: [DONE]\n\n"
    finally:
        cancel.set()


def _rest(text: str, sent: str) -> str:
    """What is still to be sent. A draft that was replaced after all is followed by what replaced it."""
    if text.startswith(sent):
        return text[len(sent) :]
    if text.startswith(sent.strip()):
        return text[len(sent.strip()) :]
    return f"\n\n{text}"


def _beside(answer: Answer) -> dict[str, Any]:
    return answer.model_dump(mode="json", exclude={"text"})


def _usage(answer: Answer) -> dict[str, int]:
    usage = answer.usage
    total = usage.prompt_tokens + usage.completion_tokens
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": total,
    }


def _event(record: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(record, ensure_ascii=False).encode() + b"\n\n"


def _refused(error: CrossroadsError) -> JSONResponse:
    parameter, code = None, None
    if isinstance(error, ParameterError):
        parameter, code = error.parameter, "invalid_value"
    if isinstance(error, UnknownModelError):
        parameter, code = "model", "model_not_found"
    return JSONResponse(openai_error(error, parameter, code), status_code=status_of(error))
