"""Running answers and uploads as JSON lines the page reads while they happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync
from fastapi.responses import StreamingResponse

from assistant.ui import library, turns, view
from assistant.ui.markdown import render
from assistant.ui.runs import Run
from assistant.ui.uploads import Upload
from assistant.ui.words import PATH_WORDS, count, verdict
from graphs.events import Event, Failed, Final, Found, Routed, Status, Token

if TYPE_CHECKING:
    from assistant.app import Assistant

PAUSE = 0.05
"""Seconds between two pictures of a draft: what the eye takes for flowing. Looking costs no thread."""
QUIET = 200
"""Pauses without news after which a line is sent to keep the connection."""


def lines(items: AsyncIterator[dict[str, Any]]) -> StreamingResponse:
    """JSON lines, sent as they come."""

    async def body() -> AsyncIterator[str]:
        async for item in items:
            yield json.dumps(item, ensure_ascii=False) + "\n"

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(body(), media_type="application/x-ndjson", headers=headers)


async def run_lines(run: Run, assistant: Assistant) -> AsyncIterator[dict[str, Any]]:
    """What a run tells from its beginning: `status`, `draft`, and at last `final` or `failed`."""
    seen, draft, quiet = 0, "", 0
    while True:
        events = run.events[seen:]
        seen += len(events)
        for event in events:
            if isinstance(event, Final | Failed):
                yield await run_sync(_last, event, assistant)
                return
            if isinstance(event, Token):
                draft += event.text
            elif words := _status(event):
                yield {"type": "status", "text": words}
        if any(isinstance(event, Token) for event in events):
            yield {"type": "draft", "html": await run_sync(render, draft)}
        quiet = 0 if events else quiet + 1
        if quiet and quiet % QUIET == 0:
            yield {"type": "alive"}
        await asyncio.sleep(PAUSE)


def _status(event: Event) -> str:
    if isinstance(event, Status):
        return event.text
    if isinstance(event, Routed):
        return PATH_WORDS[event.decision.path].lower()
    if isinstance(event, Found):
        return f"reading {count(len(event.passages), 'passage')}"
    return ""


def _last(event: Final | Failed, assistant: Assistant) -> dict[str, Any]:
    if isinstance(event, Failed):
        html, question_id = turns.failure(event.error), _unanswered(event.thread_id, assistant)
        return {"type": "failed", "html": html, "thread": event.thread_id, "question_id": question_id}
    answer = event.answer
    written = assistant.threads.turns(answer.thread_id)
    turn = next((turn for turn in written if turn.answer and turn.answer.answer_id == answer.answer_id), None)
    html = turns.answer(answer, None, view.paths(assistant))
    question_id = turn.question_id if turn else ""
    announce = _announcement(event)
    return {"type": "final", "html": html, "thread": answer.thread_id, "question_id": question_id, "say": announce}


def _unanswered(thread_id: str, assistant: Assistant) -> str:
    """The id of the question that stayed without an answer, so that trying again takes its place."""
    written = assistant.threads.turns(thread_id) if thread_id else []
    return written[-1].question_id if written and written[-1].answer is None else ""


def _announcement(event: Final) -> str:
    return f"Answer ready: {verdict(event.answer)}, {count(len(event.answer.citations), 'source')}."


async def upload_lines(upload: Upload) -> AsyncIterator[dict[str, Any]]:
    """The files of an upload, each time something changes; the last line says that it is over."""
    seen, quiet = -1, 0
    while True:
        over, version = upload.over, upload.version
        if version != seen or over:
            files = dict(upload.files)
            failed = [step.state for step in files.values()].count("failed")
            yield {"html": library.progress(files), "over": over, "files": len(files), "failed": failed}
        elif quiet % QUIET == QUIET - 1:
            yield {"alive": True}
        if over:
            return
        quiet = 0 if version != seen else quiet + 1
        seen = version
        await asyncio.sleep(PAUSE)
