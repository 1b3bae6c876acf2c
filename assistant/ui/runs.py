"""Answers under way. A run goes on when its tab is reloaded or closed, and can be watched again."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

from assistant.people.caller import current
from assistant.records import Consent, Request
from graphs.errors import CrossroadsError
from graphs.events import Event, Failed, Final

if TYPE_CHECKING:
    from assistant.app import Assistant

log = logging.getLogger(__name__)
KEPT_SECONDS = 600.0
"""How long a finished run can still be watched."""


class Run:
    """One question being answered on a thread of its own, with everything it told so far."""

    def __init__(self, request: Request) -> None:
        self.run_id = uuid.uuid4().hex
        self.request = request
        self.thread_id = request.thread_id
        self.person = current().person
        self.cancel = threading.Event()
        self.events: list[Event] = []
        self.finished_at: float | None = None

    def start(self, events: Iterator[Event]) -> None:
        """Consume `events` in the background."""
        threading.Thread(target=self._consume, args=(events,), name=f"run-{self.run_id[:8]}", daemon=True).start()

    def _consume(self, events: Iterator[Event]) -> None:
        try:
            for event in events:
                self.events.append(event)
        except CrossroadsError as error:
            self.events.append(Failed(error=error.as_json()["error"], thread_id=self.thread_id))
        except Exception:
            log.exception("a run failed in a way nobody foresaw")
            self.events.append(Failed(error=_UNFORESEEN, thread_id=self.thread_id))
        finally:
            self.finished_at = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether the last event has been told."""
        return bool(self.events) and isinstance(self.events[-1], Final | Failed)


_UNFORESEEN = {
    "type": "internal",
    "message": "Something went wrong inside Crossroads while it worked on this.",
    "cure": "Try again; if it happens again, the service's log says what failed.",
}


class Runs:
    """The runs of this service, by id."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    def start(self, request: Request) -> Run:
        """Begin to answer. Raises `UsageError` where the request itself is wrong."""
        run = Run(request)
        events = self._assistant.stream(request, run.cancel)
        run.thread_id = events.thread_id
        with self._lock:
            self._forget()
            self._runs[run.run_id] = run
        run.start(events)
        return run

    def resume(self, consent: Consent) -> Run:
        """Go on with a turn that waits for consent. Raises `NotFoundError` where none waits."""
        _, request = self._assistant.threads.waiting(consent.thread_id)
        run = Run(request)
        events = self._assistant.resume(consent, run.cancel)
        with self._lock:
            self._forget()
            self._runs[run.run_id] = run
        run.start(events)
        return run

    def get(self, run_id: str) -> Run | None:
        """The run of that id, if it is this person's and not forgotten."""
        found = self._runs.get(run_id)
        return found if found and found.person == current().person else None

    def of_thread(self, thread_id: str) -> Run | None:
        """The run under way in a conversation, if there is one."""
        with self._lock:
            going = [run for run in self._runs.values() if run.thread_id == thread_id and not run.over]
        return going[-1] if thread_id and going else None

    def _forget(self) -> None:
        now = time.monotonic()
        for run_id, run in list(self._runs.items()):
            if run.finished_at is not None and now - run.finished_at > KEPT_SECONDS:
                del self._runs[run_id]
