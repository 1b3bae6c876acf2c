"""The page's own endpoints under `/ui`: fragments of the page as HTML, running answers and uploads as JSON lines.

Everything that changes something wants the header `x-crossroads`, which other sites' pages cannot send unasked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Response, UploadFile
from pydantic import BaseModel

from assistant.http.needs import needs
from assistant.people.caller import current
from assistant.records import Consent, Request, Turn, Vote
from assistant.ui import library, sidebar, streams, turns, view
from assistant.ui.ours import from_our_page, refused
from assistant.ui.runs import Runs
from assistant.ui.tabs import offered, tab_routes
from assistant.ui.uploads import Uploads
from graphs.answer import Path
from graphs.errors import CrossroadsError, NotFoundError, UsageError

if TYPE_CHECKING:
    from assistant.app import Assistant


class Question(BaseModel):
    """What the composer sends."""

    question: str
    thread_id: str = ""
    path: Path | Literal["auto"] = "auto"
    collection: str = ""
    model: str = ""
    effort: Literal["", "quick", "balanced", "thorough"] = ""
    replace: str = ""


class Agreed(BaseModel):
    """The uses of tools a person agreed to."""

    approved: list[str]


class Title(BaseModel):
    """A conversation's new name."""

    title: str


class Address(BaseModel):
    """Where to fetch a document from, and the collection it goes into."""

    address: str
    collection: str = ""


class Opinion(BaseModel):
    """A thumb, and what was said with it."""

    thread_id: str
    vote: Literal["up", "down"]
    comment: str = ""


def ui_router(assistant: Assistant) -> APIRouter:
    """All routes of the page, below `/ui`."""
    router = APIRouter(prefix="/ui", include_in_schema=False)
    runs, uploads = Runs(assistant), Uploads(assistant)
    asking = APIRouter(dependencies=[needs("ask")])
    _page_routes(asking, assistant, runs)
    _thread_routes(asking, assistant)
    _run_routes(asking, assistant, runs)
    _consent_routes(asking, runs)
    router.include_router(asking)
    _document_routes(router, assistant, uploads)
    tab_routes(router, assistant)
    return router


def _page_routes(router: APIRouter, assistant: Assistant, runs: Runs) -> None:
    @router.get("/state")
    def state(thread: str = "") -> Any:
        """Everything the page shows when it opens."""
        try:
            return view.state(assistant, thread, runs.of_thread(thread))
        except CrossroadsError as error:
            return refused(error)

    @router.get("/me")
    def me() -> dict[str, Any]:
        """Who is signed in, and what the page offers them."""
        caller = current()
        return {"name": caller.name, "role": caller.role, "may": sorted(caller.may), "tabs": offered()}

    @router.get("/footer")
    def footer(model: str = "") -> dict[str, str]:
        """The footer for a model that was picked."""
        return {"footer": view.footer_line(assistant, model)}


def _thread_routes(router: APIRouter, assistant: Assistant) -> None:
    threads = assistant.threads

    @router.get("/threads")
    def listed(search: str = "", thread: str = "") -> dict[str, str]:
        """The list of conversations, or those a search finds."""
        return {"html": sidebar.conversations(threads.list(search), thread, search)}

    @router.post("/threads/{thread_id}", dependencies=[Depends(from_our_page)])
    def rename(thread_id: str, title: Title) -> Any:
        """Give a conversation another name."""
        try:
            threads.rename(thread_id, title.title)
        except CrossroadsError as error:
            return refused(error)
        return {"ok": True}

    @router.delete("/threads/{thread_id}", dependencies=[Depends(from_our_page)])
    def delete(thread_id: str) -> Any:
        """Delete a conversation."""
        try:
            threads.delete(thread_id)
            assistant.run_log.forget(thread_id)
        except CrossroadsError as error:
            return refused(error)
        return {"ok": True}

    @router.get("/threads/{thread_id}/export")
    def export(thread_id: str, format: Literal["markdown", "json"] = "markdown") -> Response:  # noqa: A002
        """A conversation as a file."""
        try:
            body = threads.export(thread_id, format)
        except CrossroadsError as error:
            return refused(error)
        kind, suffix = ("application/json", "json") if format == "json" else ("text/markdown", "md")
        name = f'attachment; filename="conversation-{thread_id[:8]}.{suffix}"'
        headers = {"content-disposition": name, "x-content-type-options": "nosniff"}
        return Response(body, media_type=f"{kind}; charset=utf-8", headers=headers)


def _run_routes(router: APIRouter, assistant: Assistant, runs: Runs) -> None:
    @router.post("/runs", dependencies=[Depends(from_our_page)])
    def ask(question: Question) -> Any:
        """Begin to answer a question."""
        try:
            run = runs.start(Request(**question.model_dump()))
        except CrossroadsError as error:
            return refused(error)
        return {"run": run.run_id, "thread": run.thread_id, "question": turns.question(question.question)}

    @router.get("/runs/{run_id}")
    def watch(run_id: str) -> Response:
        """What a run tells, as JSON lines."""
        run = runs.get(run_id)
        if run is None:
            raise HTTPException(404, "This answer is no longer under way.")
        return streams.lines(streams.run_lines(run, assistant))

    @router.post("/runs/{run_id}/stop", dependencies=[Depends(from_our_page)])
    def stop(run_id: str) -> dict[str, bool]:
        """Stop a run; what was written by then is kept."""
        run = runs.get(run_id)
        if run is not None:
            run.cancel.set()
        return {"ok": run is not None}

    @router.post("/answers/{answer_id}/vote", dependencies=[Depends(from_our_page)])
    def vote(answer_id: str, opinion: Opinion) -> Any:
        """Store what a user thought of an answer."""
        try:
            found = _turn_of(assistant, opinion.thread_id, answer_id)
            assert found.answer is not None  # noqa: S101 - _turn_of looked for it
            ballot = Vote(answer_id=answer_id, vote=opinion.vote, comment=opinion.comment.strip())
            assistant.vote(ballot, found.answer, found.question)
        except CrossroadsError as error:
            return refused(error)
        return {"ok": True}


def _consent_routes(router: APIRouter, runs: Runs) -> None:
    @router.post("/threads/{thread_id}/consent", dependencies=[Depends(from_our_page)])
    def consent(thread_id: str, agreed: Agreed) -> Any:
        """Go on with what a conversation waits with."""
        try:
            run = runs.resume(Consent(thread_id=thread_id, approved=agreed.approved))
        except CrossroadsError as error:
            return refused(error)
        return {"run": run.run_id, "thread": thread_id}


def _turn_of(assistant: Assistant, thread_id: str, answer_id: str) -> Turn:
    for turn in assistant.threads.turns(thread_id):
        if turn.answer is not None and turn.answer.answer_id == answer_id:
            return turn
    raise NotFoundError(f"There is no answer {answer_id!r} in this conversation.", "Reload the page.")


def _document_routes(router: APIRouter, assistant: Assistant, uploads: Uploads) -> None:
    knowledge = assistant.knowledge

    @router.get("/documents", dependencies=[needs("documents")])
    def listed(search: str = "") -> dict[str, Any]:
        """The list of documents, or those a search finds."""
        infos = knowledge.documents()
        return {"html": library.documents(infos, search), "count": len(infos)}

    @router.delete("/documents/{document_id}", dependencies=[needs("documents:write"), Depends(from_our_page)])
    def delete(document_id: str) -> Any:
        """Delete a document and its passages."""
        try:
            knowledge.delete(document_id)
        except CrossroadsError as error:
            return refused(error)
        return {"ok": True}

    @router.post("/uploads", dependencies=[needs("documents:write"), Depends(from_our_page)])
    def upload(files: list[UploadFile], collection: Annotated[str, Query()] = "") -> dict[str, str]:
        """Take files in; they are loaded in the background."""
        batch = [(file.filename or "unnamed", file.file) for file in files]
        return {"upload": uploads.receive(batch, collection).upload_id}

    @router.post("/uploads/address", dependencies=[needs("documents:write"), Depends(from_our_page)])
    def fetch(wanted: Address) -> Any:
        """Load a web page or a file from an address a person typed."""
        if not wanted.address.startswith(("http://", "https://")):
            return refused(UsageError(f"{wanted.address!r} is no web address.", "Begin it with https://."))
        return {"upload": uploads.fetch(wanted.address, wanted.collection).upload_id}

    @router.get("/uploads/{upload_id}", dependencies=[needs("documents:write")])
    def watch(upload_id: str) -> Response:
        """How far an upload has come, as JSON lines."""
        found = uploads.get(upload_id)
        if found is None:
            raise HTTPException(404, "This upload is forgotten. The list of documents shows what arrived.")
        return streams.lines(streams.upload_lines(found))
