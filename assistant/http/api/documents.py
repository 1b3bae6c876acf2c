"""Documents and collections."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, File, Query, UploadFile
from pydantic import BaseModel

from assistant.http.api.forms import Deleted, Form, Name, Short, Text
from assistant.http.needs import needs
from assistant.knowledge.filters import Filters, filters_from
from assistant.knowledge.types import Chunk, DocumentInfo
from assistant.people.caller import note
from graphs.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from assistant.app import Assistant


class Documents(BaseModel):
    """A list of documents."""

    documents: list[DocumentInfo]


class Document(BaseModel):
    """A document with the text its citations point into."""

    info: DocumentInfo
    text: str


class Collections(BaseModel):
    """Collections, and how many documents each holds."""

    collections: dict[str, int]


class Found(BaseModel):
    """A passage a search found."""

    chunk: Chunk
    score: float
    similarity: float
    words: float


class Hits(BaseModel):
    """What a search found, best first."""

    hits: list[Found]


@dataclass
class Narrowed:
    """What a search may be narrowed by; all that are given must fit."""

    document: Short = ""
    """A document's id or its source."""
    source: Short = ""
    """A pattern over the source, such as `*.pdf`."""
    title: Short = ""
    author: Short = ""
    format: Short = ""
    """`pdf`, or `application/pdf`."""
    after: Short = ""
    """ISO date."""
    before: Short = ""
    heading: Short = ""
    pages: Short = ""
    """A number, or two as in `3-5`."""

    def filters(self) -> Filters | None:
        """As the knowledge base takes them; None where nothing is narrowed."""
        given = {name: value for name, value in asdict(self).items() if value}
        return filters_from(given) if given else None


class Address(Form):
    """Where to fetch a document from."""

    address: Short
    collection: Short = ""


class Loading(BaseModel):
    """Files that are being read, by name; `over` when every one has its outcome."""

    upload: str
    files: dict[str, dict[str, Any]]
    over: bool


def router(assistant: Assistant) -> APIRouter:
    """List, read, search, load, delete."""
    made = APIRouter(tags=["documents"])
    _reading(made, assistant)
    _writing(made, assistant)
    return made


def _reading(made: APIRouter, assistant: Assistant) -> None:
    knowledge, may = assistant.knowledge, [needs("documents")]

    @made.get("/documents", dependencies=may)
    def listed(collection: Short = "") -> Documents:
        """The searchable documents; of every collection where none is named."""
        return Documents(documents=knowledge.documents(collection))

    @made.get("/documents/{document_id}", dependencies=may)
    def show(document_id: Name) -> Document:
        """A document with its text."""
        found = knowledge.document(document_id)
        return Document(info=found.info, text=found.text)

    @made.get("/collections", dependencies=may)
    def collections() -> Collections:
        """The collections, and how many documents each holds."""
        return Collections(collections=knowledge.stats().collections)

    @made.get("/search", dependencies=may)
    def search(
        q: Text,
        narrowed: Annotated[Narrowed, Depends()],
        collection: Short = "",
        k: Annotated[int, Query(ge=1, le=50)] = 8,
    ) -> Hits:
        """The passages that fit best."""
        if not q.strip():
            raise UsageError(f"The search {q!r} is empty.", "Write what to look for.")
        if collection and collection not in knowledge.collections():
            raise NotFoundError(f"There is no collection {collection!r}.", "See /api/v1/collections.")
        hits = knowledge.search(q, collection, k, narrowed.filters())
        return Hits(
            hits=[Found(chunk=one.chunk, score=one.score, similarity=one.similarity, words=one.words) for one in hits]
        )


def _writing(made: APIRouter, assistant: Assistant) -> None:
    from assistant.ui.uploads import Uploads

    uploads, may = Uploads(assistant), [needs("documents:write")]

    def told(upload_id: str) -> Loading:
        found = uploads.get(upload_id)
        if found is None:
            raise NotFoundError(f"There is no upload {upload_id!r}.", "The list of documents shows what arrived.")
        files = {name: asdict(step) for name, step in list(found.files.items())}
        return Loading(upload=upload_id, files=files, over=found.over)

    @made.post("/documents", dependencies=may, status_code=202)
    def upload(files: Annotated[list[UploadFile], File()], collection: Short = "") -> Loading:
        """Take files in; they are read in the background."""
        note(", ".join(file.filename or "unnamed" for file in files))
        batch = [(file.filename or "unnamed", file.file) for file in files]
        return told(uploads.receive(batch, collection).upload_id)

    @made.post("/documents/address", dependencies=may, status_code=202)
    def fetch(wanted: Address) -> Loading:
        """Load a web page or a file from a public address."""
        if not wanted.address.startswith(("http://", "https://")):
            raise UsageError(f"{wanted.address!r} is no web address.", "Begin it with https://.")
        note(wanted.address)
        return told(uploads.fetch(wanted.address, wanted.collection).upload_id)

    @made.get("/uploads/{upload_id}", dependencies=may)
    def watch(upload_id: Name) -> Loading:
        """How far an upload has come."""
        return told(upload_id)

    @made.delete("/documents/{document_id}", dependencies=may)
    def delete(document_id: Name) -> Deleted:
        """Delete a document and its passages."""
        return Deleted(deleted=assistant.knowledge.delete(document_id))
