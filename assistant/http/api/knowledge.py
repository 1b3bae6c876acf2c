"""What is loaded as a whole: figures, collections, loads under way, what could not be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel

from assistant.http.api.forms import Deleted, Form, Name, Short, Text
from assistant.http.needs import needs
from assistant.knowledge.again import From, load_again
from assistant.knowledge.jobs import Job
from assistant.knowledge.overview import DocumentState, overview
from assistant.knowledge.types import StoreStats
from assistant.people.caller import note
from graphs.errors import NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant

SHOWN_JOBS = 100


class Jobs(BaseModel):
    """Loads, the newest first; at most the latest hundred."""

    jobs: list[Job]


class States(BaseModel):
    """Documents with their state, and sources that did not become one, with the reason."""

    documents: list[DocumentState]


class Again(Form):
    """What was loaded before, or failed then; with `document_id` also where its file is gone."""

    source: Text
    collection: Short = ""
    document_id: Short = ""


class Begun(BaseModel):
    """What it is made from: the source as it is now, or the text that is kept."""

    made_from: From


def router(assistant: Assistant) -> APIRouter:
    """Figures, collections and loads."""
    made = APIRouter(tags=["documents"])
    may, writes = [needs("documents")], [needs("documents:write")]

    @made.get("/knowledge", dependencies=may)
    def figures() -> StoreStats:
        """Which store it is, and how many documents and passages can be found."""
        return assistant.knowledge.stats()

    @made.get("/knowledge/states", dependencies=writes)
    def states(collection: Short = "") -> States:
        """Every document: ready, parsed but not embedded yet, or failed and why."""
        return States(documents=overview(assistant.knowledge, collection))

    @made.post("/knowledge/again", dependencies=writes, status_code=202)
    def again(wanted: Again) -> Begun:
        """Load a source again, in the background."""
        note(wanted.source)
        collection = wanted.collection or assistant.settings.knowledge.collection
        return Begun(made_from=load_again(assistant.knowledge, wanted.source, collection, wanted.document_id))

    @made.delete("/collections/{collection}", dependencies=writes)
    def drop(collection: Name) -> Deleted:
        """Delete a collection with every document in it."""
        if collection not in assistant.knowledge.collections():
            raise NotFoundError(f"There is no collection {collection!r}.", "See /api/v1/collections.")
        return Deleted(deleted=assistant.knowledge.delete(collection=collection))

    _jobs(made, assistant, writes)
    return made


def _jobs(made: APIRouter, assistant: Assistant, may: list[Any]) -> None:
    @made.get("/jobs", dependencies=may)
    def listed() -> Jobs:
        """Loads with their progress, those of commands too."""
        return Jobs(jobs=assistant.knowledge.jobs.list()[:SHOWN_JOBS])

    @made.post("/jobs/{job_id}/cancel", dependencies=may)
    def cancel(job_id: Name) -> Job:
        """End one: a waiting one at once, a running one after its current step."""
        return assistant.knowledge.jobs.cancel(job_id)

    @made.post("/jobs/{job_id}/retry", dependencies=may)
    def retry(job_id: Name) -> Job:
        """Put one that was cancelled or failed into the queue again; what it did is not done twice."""
        return assistant.knowledge.jobs.retry(job_id)
