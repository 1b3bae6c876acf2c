"""Ingests as jobs: every one has a row in `records.db`, with its progress, so that all processes see the same ones.

A job belongs to the process that works on it. If that process dies, whoever looks next finds it without an owner and
may go on with it: documents that are done are recognised by their content and cost nothing. Cancelling sets a mark
that the owner reads between two steps.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Column, Engine, Integer, Row, String, Table, Text, insert, select, update

from assistant.database import metadata, storage_errors, writing
from assistant.knowledge.types import IngestProgress, IngestReport
from assistant.knowledge.weaviate_keeper import started
from graphs.errors import CrossroadsError, NotFoundError

State = Literal["queued", "running", "done", "cancelled", "failed"]
Work = Callable[["Job", Callable[[IngestProgress], None], threading.Event], IngestReport]
"""Does a job: tells its progress, stops when the event is set, returns what it did."""

_LOOK_SECONDS = 0.3
"""How often progress is written down and the mark to cancel is read."""
_jobs = Table(
    "ingest_jobs",
    metadata,
    Column("job_id", String, primary_key=True),
    Column("collection", String, nullable=False),
    Column("sources", Text, nullable=False),
    Column("follow", Integer, nullable=False),
    Column("again", Integer, nullable=False),  # whether its sources are still there for another process
    Column("state", String, nullable=False, index=True),
    Column("cancel", Integer, nullable=False),
    Column("owner", String, nullable=False),  # process id and when it started; empty for nobody
    Column("created", String, nullable=False),
    Column("ended", String, nullable=False),
    Column("finished", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("current", Text, nullable=False),
    Column("report", Text, nullable=False),
    Column("error", Text, nullable=False),
)


@dataclass(frozen=True)
class Job:
    """One ingest, as everybody sees it."""

    job_id: str
    collection: str
    sources: tuple[str, ...]
    follow: bool
    """Whether documents whose files are gone are deleted."""
    state: State
    created: str
    ended: str = ""
    finished: int = 0
    total: int = 0
    current: str = ""
    """What is being done, to which source."""
    report: dict[str, Any] | None = None
    error: str = ""


class Jobs:
    """The jobs of one home. Raises `StorageError` where its database cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def submit(self, sources: Sequence[str], collection: str, *, follow: bool = False, again: bool = True) -> Job:
        """Put a job into the queue. `again`: its sources can be read by another process, should this one die."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = dict.fromkeys(("owner", "ended", "current", "report", "error"), "")
        row |= {"job_id": uuid.uuid4().hex, "collection": collection, "sources": json.dumps(list(sources))}
        row |= {"state": "queued", "created": now}
        numbers = {"follow": int(follow), "again": int(again), "cancel": 0, "finished": 0, "total": len(sources)}
        with writing(self.engine) as connection:
            connection.execute(insert(_jobs).values(**row, **numbers))
        return self.get(row["job_id"])

    def get(self, job_id: str) -> Job:
        """A job by its id or the beginning of it. Raises `NotFoundError`."""
        found = [job for job in self.list() if job.job_id.startswith(job_id)] if job_id else []
        if len(found) != 1:
            raise NotFoundError(f"There is no job {job_id!r}.", "`crossroads knowledge jobs` shows them.")
        return found[0]

    def list(self) -> list[Job]:
        """All jobs, the newest first; one whose process died shows as queued."""
        with storage_errors(self.engine), self.engine.connect() as connection:
            rows = connection.execute(select(_jobs).order_by(_jobs.c.created.desc(), _jobs.c.job_id)).all()
        return [_job(row) for row in rows]

    def cancel(self, job_id: str) -> Job:
        """End a job: a waiting one at once, a running one after its current step. Raises `NotFoundError`."""
        job = self.get(job_id)
        values: dict[str, Any] = {"cancel": 1}
        if job.state == "queued":
            values |= {"state": "cancelled", "ended": datetime.now(UTC).isoformat(timespec="seconds")}
        with writing(self.engine) as connection:
            one = (_jobs.c.job_id == job.job_id) & _jobs.c.state.in_(("queued", "running"))
            connection.execute(update(_jobs).where(one).values(**values))
        return self.get(job.job_id)

    def retry(self, job_id: str) -> Job:
        """Put a job that was cancelled or failed into the queue again; what it did is not done twice."""
        job = self.get(job_id)
        with writing(self.engine) as connection:
            one = (_jobs.c.job_id == job.job_id) & _jobs.c.state.in_(("cancelled", "failed", "done"))
            connection.execute(update(_jobs).where(one).values(state="queued", cancel=0, error="", ended="", owner=""))
        return self.get(job.job_id)

    def waiting(self) -> Sequence[Job]:
        """Jobs nobody works on, the oldest first."""
        return [job for job in reversed(self.list()) if job.state == "queued"]

    def run(
        self,
        job: Job,
        work: Work,
        on_progress: Callable[[IngestProgress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> IngestReport | None:
        """Do a job here and now. None where another process was faster.

        Raises what the work raises; the job is `failed` then, or waits again where this process is ending.
        """
        if not self._claim(job):
            return None
        scribe = _Scribe(self, job, on_progress, cancel or threading.Event())
        try:
            report = work(job, scribe.hear, scribe.cancel)
        except CrossroadsError as error:
            self._end(job, "failed", error=str(error))
            raise
        except BaseException:
            self._end(job, "queued")
            raise
        stopped = scribe.cancel.is_set()
        self._end(job, "cancelled" if stopped else "done", report=report, scribe=scribe)
        return report

    def release(self, job: Job) -> None:
        """Let a job wait again that this process stopped because it is ending, not because somebody cancelled it."""
        with writing(self.engine) as connection:
            one = (_jobs.c.job_id == job.job_id) & (_jobs.c.cancel == 0)
            connection.execute(update(_jobs).where(one).values(state="queued", owner="", ended=""))

    def _claim(self, job: Job) -> bool:
        with writing(self.engine) as connection:
            row = connection.execute(select(_jobs).where(_jobs.c.job_id == job.job_id)).one()
            if _state(row) != "queued":
                return False
            values = {"state": "running", "owner": _me(), "cancel": 0}
            connection.execute(update(_jobs).where(_jobs.c.job_id == job.job_id).values(**values))
        return True

    def _end(
        self, job: Job, state: State, *, report: IngestReport | None = None, error: str = "",
        scribe: _Scribe | None = None,
    ) -> None:  # fmt: skip
        values: dict[str, Any] = {"state": state, "owner": "", "error": error, "current": ""}
        if state != "queued":
            values["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
        if report is not None:
            values["report"] = json.dumps(asdict(report))
        if scribe is not None:
            values |= {"finished": scribe.finished, "total": scribe.total}
        with writing(self.engine) as connection:
            connection.execute(update(_jobs).where(_jobs.c.job_id == job.job_id).values(**values))

    def _note(self, job: Job, step: IngestProgress) -> bool:
        """Write progress down; says whether the job is to be cancelled."""
        current = f"{step.state} {step.source}"
        values = {"finished": step.finished, "total": step.total, "current": current}
        with writing(self.engine) as connection:
            change = update(_jobs).where(_jobs.c.job_id == job.job_id).values(**values).returning(_jobs.c.cancel)
            return bool(connection.execute(change).scalar())


class _Scribe:
    """Hears every step of a job, writes some of them down, and passes all of them on."""

    def __init__(
        self, jobs: Jobs, job: Job, on_progress: Callable[[IngestProgress], None] | None, cancel: threading.Event
    ) -> None:
        self._jobs, self._job, self._on_progress = jobs, job, on_progress
        self.cancel = cancel
        self.finished = self.total = 0
        self._next = 0.0

    def hear(self, step: IngestProgress) -> None:
        self.finished, self.total = step.finished, step.total
        if time.monotonic() >= self._next:
            if self._jobs._note(self._job, step):
                self.cancel.set()
            self._next = time.monotonic() + _LOOK_SECONDS
        if self._on_progress is not None:
            self._on_progress(step)


def _me() -> str:
    return f"{os.getpid()} {started(os.getpid())}"


def _state(row: Row[Any]) -> State:
    """The state as it is now: a job whose owner is gone waits for the next one."""
    if row.state == "running":
        pid, _, since = row.owner.partition(" ")
        if not pid.isdigit() or started(int(pid)) != since:
            return "queued" if row.again else "failed"
    state: State = row.state
    return state


def _job(row: Row[Any]) -> Job:
    state = _state(row)
    return Job(
        job_id=row.job_id,
        collection=row.collection,
        sources=tuple(json.loads(row.sources)),
        follow=bool(row.follow),
        state=state,
        created=row.created,
        ended=row.ended,
        finished=row.finished,
        total=row.total,
        current=row.current,
        report=json.loads(row.report) if row.report else None,
        error=row.error or ("" if row.again or state != "failed" else "It was interrupted. Add the files again."),
    )
