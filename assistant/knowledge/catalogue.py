"""The catalogue: every document's text, pages and state in `records.db`. The vector store can be rebuilt from it.

A document is written in three steps: its row as `pending`, its chunks into the store, its row as `ready`; that last
transaction also turns older documents of the same source into `deleting`. Deleting marks, empties the store, then
removes the row. Whatever moment the process dies at, the row says what is still to be done.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from assistant.database import metadata, storage_errors, writing
from assistant.knowledge.types import DocumentInfo, Loaded, Page, StoredDocument

_NAMESPACE = uuid.UUID("6f1f2f64-3b0a-5c0e-9a55-0d6c5f1c9b7e")

documents = Table(
    "documents",
    metadata,
    Column("document_id", String, primary_key=True),
    Column("collection", String, nullable=False, index=True),
    Column("source", String, nullable=False, index=True),
    Column("title", String, nullable=False),
    Column("media_type", String, nullable=False),
    Column("sha256", String, nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("pages", Text, nullable=False),
    Column("page_count", Integer, nullable=False),
    Column("characters", Integer, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("indexed", String, nullable=False),  # which store, model and sizes its chunks were made with
    Column("state", String, nullable=False, index=True),  # pending, ready, deleting
    Column("added", String, nullable=False),
    Column("metadata", Text, nullable=False, server_default="{}"),
)
changed = Table(
    "collection_changes",
    metadata,
    Column("collection", String, primary_key=True),
    Column("number", Integer, nullable=False),
)
"""How often what can be found in a collection has changed; what rests on a search is old when the number is another."""
_INFO = [
    documents.c[name]
    for name in (
        "document_id collection source title media_type sha256 characters chunks added page_count metadata"
    ).split()
]


@dataclass(frozen=True)
class Task:
    """A document the store does not hold as the catalogue says."""

    document_id: str
    collection: str
    state: str


def document_id_of(collection: str, source: str, sha256: str) -> str:
    """The id of a content under a source: the same again for the same, so that repeating overwrites."""
    return str(uuid.uuid5(_NAMESPACE, "\0".join((collection, source, sha256))))


class Catalogue:
    """Documents by id, source and collection. Raises `StorageError` where the disk fails it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._counted: tuple[tuple[tuple[str, int], ...], dict[str, tuple[int, int]]] | None = None

    def begin(self, collection: str, source: str, sha256: str, loaded: Loaded) -> str:
        """Write the row of a document about to be stored, as `pending`. Returns its id."""
        document_id = document_id_of(collection, source, sha256)
        row = {
            "document_id": document_id,
            "collection": collection,
            "source": source,
            "title": loaded.title,
            "media_type": loaded.media_type,
            "sha256": sha256,
            "text": loaded.text,
            "pages": json.dumps([astuple(page) for page in loaded.pages]),
            "metadata": json.dumps(dict(loaded.metadata), ensure_ascii=False),
            "page_count": len(loaded.pages),
            "characters": len(loaded.text),
            "chunks": 0,
            "indexed": "",
            "state": "pending",
            "added": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with writing(self.engine) as connection:
            again = delete(documents).where(documents.c.document_id == document_id).returning(documents.c.state)
            if connection.execute(again).scalar() == "ready":
                _changed(connection, [collection])
            connection.execute(insert(documents).values(row))
        return document_id

    def finish(self, document_id: str, chunks: int, indexed: str) -> list[Task]:
        """The chunks are stored: make the document visible, its predecessors of the same source invisible.

        Returns the predecessors, whose chunks are now to be removed.
        """
        with writing(self.engine) as connection:
            row = connection.execute(
                update(documents)
                .where(documents.c.document_id == document_id)
                .values(state="ready", chunks=chunks, indexed=indexed)
                .returning(documents.c.collection, documents.c.source)
            ).one()
            _changed(connection, [row.collection])
            older = and_(
                documents.c.collection == row.collection,
                documents.c.source == row.source,
                documents.c.document_id != document_id,
            )
            return _mark_deleting(connection, older)

    def mark_deleting(self, *, document_id: str = "", source: str = "", collection: str = "") -> list[Task]:
        """Make documents invisible; each argument given narrows the choice."""
        wanted = {"document_id": document_id, "source": source, "collection": collection}
        conditions = [documents.c[name] == value for name, value in wanted.items() if value]
        with writing(self.engine) as connection:
            return _mark_deleting(connection, and_(*conditions))

    def forget(self, document_id: str) -> str:
        """Remove the row. Returns the sha256 of the original where no other document has it, else an empty string."""
        with writing(self.engine) as connection:
            gone = delete(documents).where(documents.c.document_id == document_id).returning(documents.c.sha256)
            sha256 = connection.execute(gone).scalar()
            shared = connection.execute(select(func.count()).where(documents.c.sha256 == sha256)).scalar_one()
            return sha256 if sha256 and not shared else ""

    def mark_unindexed(self, document_ids: Iterable[str]) -> None:
        """Say that the store does not hold these documents, so that they are indexed again."""
        with writing(self.engine) as connection:
            for document_id in document_ids:
                connection.execute(update(documents).where(documents.c.document_id == document_id).values(indexed=""))

    def reindexed(self, before: str, now: str) -> None:
        """Say that what was indexed as `before` is indexed as `now`: its chunks were copied, not made anew."""
        with writing(self.engine) as connection:
            moved = update(documents).where(documents.c.indexed == before).values(indexed=now)
            _changed(
                connection, {row.collection for row in connection.execute(moved.returning(documents.c.collection))}
            )

    def unfinished(self, indexed: str) -> list[Task]:
        """What is left to do: rows `pending` or `deleting`, and those indexed in another way than `indexed`."""
        left = (documents.c.state != "ready") | (documents.c.indexed != indexed)
        rows = self._rows(select(documents.c.document_id, documents.c.collection, documents.c.state).where(left))
        return [Task(row.document_id, row.collection, row.state) for row in rows]

    def is_unchanged(self, collection: str, source: str, sha256: str, indexed: str) -> bool:
        """Whether exactly this content is stored and searchable already."""
        document_id = document_id_of(collection, source, sha256)
        query = select(documents.c.indexed).where(documents.c.document_id == document_id, documents.c.state == "ready")
        return [row.indexed for row in self._rows(query)] == [indexed]

    def list(self, collection: str = "") -> list[DocumentInfo]:
        """The searchable documents, by title and source."""
        query = select(*_INFO).where(documents.c.state == "ready").order_by(documents.c.title, documents.c.source)
        if collection:
            query = query.where(documents.c.collection == collection)
        return [_info(row) for row in self._rows(query)]

    def with_states(self, indexed: str, collection: str = "") -> Sequence[tuple[DocumentInfo, bool]]:
        """The documents there are or will be, the newest first, and whether each is embedded as `indexed`."""
        query = select(*_INFO, documents.c.state, documents.c.indexed).where(documents.c.state != "deleting")
        query = query.order_by(documents.c.added.desc(), documents.c.source)
        rows = self._rows(query.where(documents.c.collection == collection) if collection else query)
        return [(_info(row), row.state == "ready" and row.indexed == indexed) for row in rows]

    def get(self, document_id: str, *, any_state: bool = False) -> StoredDocument | None:
        """A searchable document with its text; `any_state` finds it while it is pending or being deleted, too."""
        query = select(*_INFO, documents.c.text, documents.c.pages).where(documents.c.document_id == document_id)
        rows = self._rows(query if any_state else query.where(documents.c.state == "ready"))
        if not rows:
            return None
        pages = tuple(Page(*span) for span in json.loads(rows[0].pages))
        return StoredDocument(_info(rows[0]), rows[0].text, pages)

    def lines_before(self, document_id: str, begin: int, offset: int) -> int:
        """How many line ends the stored text has between two offsets."""
        piece = func.substr(documents.c.text, begin + 1, max(0, offset - begin))
        count = func.length(piece) - func.length(func.replace(piece, "\n", ""))
        rows = self._rows(select(count.label("lines")).where(documents.c.document_id == document_id))
        return rows[0].lines if rows else 0

    def piece(self, document_id: str, start: int, end: int) -> str:
        """The stored text between two offsets, without reading the rest; empty for an unknown document."""
        piece = func.substr(documents.c.text, start + 1, max(0, end - start)).label("piece")
        rows = self._rows(select(piece).where(documents.c.document_id == document_id))
        return str(rows[0].piece) if rows else ""

    def pages(self, document_ids: Sequence[str]) -> dict[str, tuple[str, tuple[Page, ...]]]:
        """Media type and pages of each document, without their texts."""
        query = select(documents.c.document_id, documents.c.media_type, documents.c.pages)
        rows = self._rows(query.where(documents.c.document_id.in_(set(document_ids))))
        return {row.document_id: (row.media_type, tuple(Page(*span) for span in json.loads(row.pages))) for row in rows}

    def same_content(self, collection: str, sha256: str) -> Sequence[DocumentInfo]:
        """The searchable documents of a collection made from exactly this content."""
        query = select(*_INFO).where(
            documents.c.collection == collection, documents.c.sha256 == sha256, documents.c.state == "ready"
        )
        return [_info(row) for row in self._rows(query)]

    def below(self, collection: str, folder: str) -> Sequence[DocumentInfo]:
        """The searchable documents whose source is a file in that folder or below it."""
        query = select(*_INFO).where(documents.c.collection == collection, documents.c.state == "ready")
        start = folder.rstrip("/") + "/"
        return [_info(row) for row in self._rows(query.where(documents.c.source.startswith(start, autoescape=True)))]

    def ready(self, document_ids: Sequence[str]) -> set[str]:
        """Those of the ids that are searchable."""
        query = select(documents.c.document_id).where(
            documents.c.state == "ready", documents.c.document_id.in_(set(document_ids))
        )
        return {row.document_id for row in self._rows(query)}

    def sha256s(self) -> set[str]:
        """What the documents of every state were made from."""
        return {row.sha256 for row in self._rows(select(documents.c.sha256).distinct())}

    def counts(self) -> dict[str, tuple[int, int]]:
        """Collection → (documents, chunks), searchable ones; counted anew once something has changed."""
        state = tuple((row.collection, row.number) for row in self._rows(select(changed)))
        known = self._counted
        if known is None or known[0] != state:
            known = self._counted = (state, self._count())
        return dict(known[1])

    def _count(self) -> dict[str, tuple[int, int]]:
        query = (
            select(documents.c.collection, func.count().label("n"), func.sum(documents.c.chunks).label("chunks"))
            .where(documents.c.state == "ready")
            .group_by(documents.c.collection)
            .order_by(documents.c.collection)
        )
        return {row.collection: (row.n, row.chunks) for row in self._rows(query)}

    def changes(self, collection: str) -> int:
        """How often what can be found in a collection has changed, by any process."""
        rows = self._rows(select(changed.c.number).where(changed.c.collection == collection))
        return int(rows[0].number) if rows else 0

    def _rows(self, query: Any) -> Sequence[Row[Any]]:
        with storage_errors(self.engine), self.engine.connect() as connection:
            return connection.execute(query).all()


def _mark_deleting(connection: Connection, which: Any) -> list[Task]:
    change = update(documents).where(which).values(state="deleting")
    rows = connection.execute(change.returning(documents.c.document_id, documents.c.collection)).all()
    _changed(connection, {row.collection for row in rows})
    return [Task(row.document_id, row.collection, "deleting") for row in rows]


def _changed(connection: Connection, collections: Iterable[str]) -> None:
    """Count a change of what can be found in these collections."""
    for name in collections:
        again = update(changed).where(changed.c.collection == name).values(number=changed.c.number + 1)
        if not connection.execute(again).rowcount:
            connection.execute(insert(changed).values(collection=name, number=1))


def _info(row: Row[Any]) -> DocumentInfo:
    return DocumentInfo(
        document_id=row.document_id,
        collection=row.collection,
        source=row.source,
        title=row.title,
        media_type=row.media_type,
        sha256=row.sha256,
        characters=row.characters,
        chunks=row.chunks,
        added=row.added,
        pages=row.page_count,
        metadata=json.loads(row.metadata),
    )
