"""Running answers and uploads as JSON lines the page reads while they happen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

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
"""Seconds between two pictures of a draft: what the eye takes for flowing."""
QUIET = 10.0
"""Seconds of silence after which a line is sent to keep the connection."""


def lines(items: Iterator[dict[str, Any]]) -> StreamingResponse:
    """JSON lines, sent as they come."""
    body = (json.dumps(item, ensure_ascii=False) + "\n" for item in items)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(body, media_type="application/x-ndjson", headers=headers)


def run_lines(run: Run, assistant: Assistant) -> Iterator[dict[str, Any]]:
    """What a run tells from its beginning: `status`, `draft`, and at last `final` or `failed`."""
    seen, draft = 0, ""
    while True:
        events = run.wait(seen, QUIET)
        seen += len(events)
        for event in events:
            if isinstance(event, Final | Failed):
                yield _last(event, assistant)
                return
            if isinstance(event, Token):
                draft += event.text
            elif words := _status(event):
                yield {"type": "status", "text": words}
        yield _draft(events, draft)
        time.sleep(PAUSE)


def _draft(events: Sequence[Event], draft: str) -> dict[str, Any]:
    if any(isinstance(event, Token) for event in events):
        return {"type": "draft", "html": render(draft)}
    return {"type": "alive"}


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


def upload_lines(upload: Upload) -> Iterator[dict[str, Any]]:
    """The files of an upload, each time something changes; the last line says that it is over."""
    seen = -1
    while True:
        version = upload.wait(seen, QUIET)
        over = upload.over
        if version != seen or over:
            states = [step.state for step in list(upload.files.values())]
            failed = states.count("failed")
            yield {"html": library.progress(dict(upload.files)), "over": over, "files": len(states), "failed": failed}
        else:
            yield {"alive": True}
        if over:
            return
        seen = version
        time.sleep(PAUSE)
