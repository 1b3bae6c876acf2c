"""The knowledge base: documents in, passages out, every citation to the character."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from langchain_core.embeddings import Embeddings

from assistant.config import Settings
from assistant.database import open_database
from assistant.knowledge.catalogue import Catalogue
from assistant.knowledge.chunking import approximate_token_starts
from assistant.knowledge.fetch import is_url
from assistant.knowledge.filters import Filters
from assistant.knowledge.formats import format_of
from assistant.knowledge.health import Health
from assistant.knowledge.indexing import Indexer
from assistant.knowledge.ingest import Ingest, Listener, Source, Upload
from assistant.knowledge.jobs import Job, Jobs
from assistant.knowledge.model_change import ModelChange, begin_change, remembered_identity
from assistant.knowledge.neighbours import widened
from assistant.knowledge.places import Place, page_at, part_of
from assistant.knowledge.retriever import KnowledgeRetriever
from assistant.knowledge.search import Plan, find, find_by_words
from assistant.knowledge.stores.hybrid import NOTHING
from assistant.knowledge.types import (
    Chunk,
    ChunkStore,
    DocumentInfo,
    Hit,
    IngestProgress,
    IngestReport,
    Page,
    StoredDocument,
    StoreStats,
    Where,
)
from graphs.errors import BusyError, Cancelled, CrossroadsError, NotFoundError, StoreError, UsageError

__all__ = ["KnowledgeBase", "Upload", "open_knowledge"]

log = logging.getLogger(__name__)
_COLLECTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


def open_knowledge(settings: Settings, embeddings: Embeddings) -> KnowledgeBase:
    """Open the catalogue and the store the settings name, and mend in the background what a kill left half done.

    Raises `StoreError` where no store can be opened, `StorageError` where the home cannot be written.
    """
    from assistant.knowledge.stores import open_store

    catalogue = Catalogue(open_database(settings))
    fingerprint, dimensions = remembered_identity(settings, embeddings)
    store = open_store(settings, fingerprint=fingerprint, dimensions=dimensions)
    knowledge = KnowledgeBase(settings, catalogue, store, embeddings)
    knowledge.change = begin_change(settings, knowledge.indexer)
    knowledge.mend_in_background()
    return knowledge


def plan_of(settings: Settings) -> Plan:
    """The steps the settings ask for."""
    from assistant.knowledge.reranking import open_reranker

    knowledge = settings.knowledge
    reranker = open_reranker(settings)
    return Plan(knowledge.alpha, knowledge.diversity, knowledge.decompose, knowledge.rewrite, reranker)


def _has_files(folder: str) -> bool:
    return os.path.isdir(folder) and bool(os.listdir(folder))


class KnowledgeBase:
    """Documents of one home. Safe under threads; several processes may share the home."""

    def __init__(self, settings: Settings, catalogue: Catalogue, store: ChunkStore, embeddings: Embeddings) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.store = store
        self.embeddings = embeddings
        self.indexer = Indexer(settings, catalogue, store, embeddings)
        self.plan = plan_of(settings)
        self._closing = threading.Event()
        self._mending: threading.Thread | None = None
        self._working: threading.Thread | None = None
        self.jobs = Jobs(catalogue.engine)
        self.health = Health(store)
        self.change: ModelChange | None = None
        """While documents are embedded anew by another model: what answers meanwhile."""

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ingest(
        self,
        sources: Sequence[Source],
        collection: str = "",
        on_progress: Listener | None = None,
        cancel: threading.Event | None = None,
        *,
        follow: bool = False,
    ) -> IngestReport:
        """Make files, folders, addresses and uploads searchable. See `ingest.Ingest.run` for errors.

        It is a job like every other: `jobs` shows its progress, and it can be cancelled from there. With `follow`,
        documents are deleted whose files are gone from the folders (or were the files) among the sources.
        """
        names = [one.name if isinstance(one, Upload) else str(one) for one in sources]
        again = not any(isinstance(one, Upload) for one in sources)
        job = self.jobs.submit(names, self._collection(collection), follow=follow, again=again)
        report = self.jobs.run(job, lambda _, tell, stop: self._ingest(job, sources, tell, stop), on_progress, cancel)
        return report or IngestReport()

    def enqueue(self, sources: Sequence[str], collection: str = "", *, follow: bool = False) -> Job:
        """Put an ingest into the queue: the running service works on it, or the next one that starts."""
        return self.jobs.submit(sources, self._collection(collection), follow=follow)

    def work(self, ended: threading.Event | None = None) -> int:
        """Do the jobs nobody works on, one after the other, until there are none. Returns how many were done."""
        done = 0
        for job in self.jobs.waiting():
            if (ended or self._closing).is_set():
                break
            done += self._work_on(job)
        return done

    def work_in_background(self) -> None:
        """Do waiting jobs beside everything else, those that come later as well, until this is closed."""
        self._working = threading.Thread(target=self._keep_working, name="knowledge-jobs", daemon=True)
        self._working.start()

    def _keep_working(self) -> None:
        while not self._closing.is_set():
            try:
                self.work()
            except CrossroadsError as error:
                log.warning("A waiting ingest could not be done now: %s", error)
            self._closing.wait(1.0)

    def _work_on(self, job: Job) -> bool:
        def work(_: Job, tell: Listener, stop: threading.Event) -> IngestReport:
            return self._ingest(job, job.sources, tell, stop)

        try:
            if self.jobs.run(job, work, None, self._closing) is None:
                return False
        except (StoreError, BusyError):
            self.jobs.release(job)  # it waits until the store is back
            raise
        if self._closing.is_set():
            self.jobs.release(job)
        return True

    def _ingest(self, job: Job, sources: Sequence[Source], tell: Listener, stop: threading.Event) -> IngestReport:
        run = Ingest(self.settings, self.indexer, job.collection, tell, stop)
        report = run.run(sources)
        if job.follow and not stop.is_set():
            gone = self.follow([str(source) for source in sources], job.collection)
            report = replace(report, deleted=len(gone))
            for source in gone:
                tell(IngestProgress(source, "deleted", "its file is gone", run.finished, run.total))
        return report

    def follow(self, places: Sequence[str], collection: str = "") -> list[str]:
        """Delete the documents whose files are gone from these files and folders. Returns their sources.

        A folder that is missing or empty deletes nothing: it may be a disk that is not there now.
        """
        safe = []
        for place in places:
            path = "" if is_url(place) else str(Path(place).expanduser().resolve())
            if not path or not os.path.isdir(os.path.dirname(path)):
                continue
            if self.catalogue.below(self._collection(collection), path) and not _has_files(path):
                log.warning("%s is missing or empty, so the documents from it are kept.", path)
                continue
            safe.append(path)
        return self.forget(safe, collection)

    def forget(self, paths: Sequence[str], collection: str = "") -> list[str]:
        """As `follow`, for files and folders somebody knows to be gone."""
        name, gone = self._collection(collection), list[str]()
        for path in paths:
            known = [info.source for info in self.catalogue.below(name, path)]
            gone += [source for source in (*known, path) if not os.path.lexists(source)]
        return [source for source in dict.fromkeys(gone) if self._delete_source(source, name)]

    def _delete_source(self, source: str, collection: str) -> int:
        with self.indexer.exclusive():
            tasks = self.catalogue.mark_deleting(source=source, collection=collection)
            self.indexer.remove(tasks)
        return len(tasks)

    def documents(self, collection: str = "") -> list[DocumentInfo]:
        """The searchable documents; of every collection where none is named."""
        return self.catalogue.list(collection)

    def document(self, document_id: str) -> StoredDocument:
        """A document with its text. Raises `NotFoundError`."""
        document = self.catalogue.get(document_id)
        if document is None:
            raise NotFoundError(f"There is no document {document_id!r}.", "`crossroads knowledge list` shows them.")
        return document

    def original(self, document_id: str) -> Path | None:
        """The file a document was made from, as it was then. Raises `NotFoundError` for an unknown document."""
        return self.indexer.originals.find(self.document(document_id).info.sha256)

    def delete(self, document_id: str = "", *, source: str = "", collection: str = "") -> int:
        """Delete one document, those of a source, or a collection. Returns how many.

        Raises `NotFoundError` where nothing fits, `UsageError` where nothing is named.
        """
        if not (document_id or source or collection):
            raise UsageError("Nothing to delete was named.", "Name a document, a source or a collection.")
        with self.indexer.exclusive():
            tasks = self.catalogue.mark_deleting(document_id=document_id, source=source, collection=collection)
            if not tasks:
                named = document_id or source or collection
                raise NotFoundError(f"There is no document {named!r}.", "`crossroads knowledge list` shows them.")
            if collection and not (document_id or source):
                self.store.drop(collection)
            self.indexer.remove(tasks)
        return len(tasks)

    def stats(self) -> StoreStats:
        """What the store is, and how many documents and chunks are searchable."""
        counts = self.catalogue.counts()
        return StoreStats(
            kind=self.store.kind,
            version=self.store.version,
            url=self.store.url,
            documents=sum(documents for documents, _ in counts.values()),
            chunks=sum(chunks for _, chunks in counts.values()),
            collections={name: documents for name, (documents, _) in counts.items()},
        )

    def collections(self) -> list[str]:
        """The collections that hold documents, and the default one."""
        return sorted({*self.catalogue.counts(), self.settings.knowledge.collection})

    def search(
        self,
        question: str,
        collection: str = "",
        k: int = 0,
        filters: Filters | None = None,
        *,
        by_words: bool = False,
    ) -> list[Hit]:
        """The best `k` passages (0: as many as the settings say), best first; never one of a deleted document.

        `by_words` does without the embedding model: BM25 alone. Raises `StoreError` where the store is out of reach,
        `ModelError` where the embedding model fails, `UsageError` for a filter that cannot be read.
        """
        name = self._collection(collection)
        wanted = k or self.settings.knowledge.passages
        if not question.strip():
            return []
        where = filters.where(self.catalogue.list(name)) if filters else NOTHING
        hits = self._find(name, question, wanted, where, by_words)
        visible = self._visible(hits)
        if len(visible) < wanted == len(hits):  # some were dropped, so there may be more behind them
            visible = self._visible(self._find(name, question, 3 * wanted, where, by_words))
        return visible[:wanted]

    def _find(self, collection: str, question: str, k: int, where: Where, by_words: bool) -> list[Hit]:
        store, embeddings = self.change.side() if self.change else (self.store, self.embeddings)
        self.health.check()
        try:
            if by_words:
                return find_by_words(store, collection, question, k, where)
            return find(store, embeddings, collection, question, k, self.plan, where)
        except StoreError:
            self.health.failed()
            raise

    def places(self, hits: Sequence[Hit]) -> list[Place]:
        """Where each hit begins in its file, in words a citation can use."""
        known = self.catalogue.pages([hit.chunk.document_id for hit in hits])
        return [self._place(hit.chunk, *known.get(hit.chunk.document_id, ("", ()))) for hit in hits]

    def _place(self, chunk: Chunk, media_type: str, pages: Sequence[Page]) -> Place:
        page, name = page_at(pages, chunk.start), format_of(media_type).line
        line = None
        if name:
            begin = page.start if page else 0
            line = 1 + self.catalogue.lines_before(chunk.document_id, begin, chunk.start)
        return Place(part_of(media_type, page), line, name)

    def with_neighbours(self, hits: Sequence[Hit]) -> list[Hit]:
        """The hits as answers are made from them: with as much around them as `knowledge.context_tokens` says."""
        starts = getattr(self.embeddings, "token_starts", approximate_token_starts)
        return widened(hits, self.catalogue, self.settings.knowledge.context_tokens, starts)

    def retriever(self, collection: str = "", k: int = 0, *, by_words: bool = False) -> KnowledgeRetriever:
        """The collection as LangChain sees it; `by_words` as in `search`."""
        wanted, name = k or self.settings.knowledge.passages, self._collection(collection)
        return KnowledgeRetriever(knowledge=self, collection=name, k=wanted, by_words=by_words)

    def mend(self) -> int:
        """Finish now what a killed process left half done. Returns how many documents were touched."""
        return self.indexer.mend(self._closing)

    def mend_in_background(self) -> None:
        """As `mend`, beside everything else; what the store refuses is tried again at the next open."""
        self._mending = threading.Thread(target=self._mend_quietly, name="knowledge-mend", daemon=True)
        self._mending.start()

    def close(self) -> None:
        """Let go of the store and the database; stops mending after its current batch."""
        self._closing.set()
        if self._mending is not None:
            self._mending.join()
        if self._working is not None:
            self._working.join()
        self.health.close()
        if self.change is not None:
            self.change.close()
        self.store.close()
        self.catalogue.engine.dispose()

    def _mend_quietly(self) -> None:
        try:
            mended = self.mend()
        except (CrossroadsError, Cancelled) as error:
            log.warning("Documents could not be mended now: %s", error)
        else:
            if self.change is not None and not self._closing.is_set():
                self.change.over()
            if mended:
                log.info("Mended %d documents a stopped process had left half done.", mended)

    def _visible(self, hits: Sequence[Hit]) -> list[Hit]:
        """Hits without those of documents being replaced or deleted, and without the same text twice."""
        ready = self.catalogue.ready([hit.chunk.document_id for hit in hits])
        kept: dict[str, Hit] = {}
        for hit in hits:
            if hit.chunk.document_id in ready:
                kept.setdefault(hit.chunk.text, hit)
        return list(kept.values())

    def _collection(self, name: str) -> str:
        chosen = name or self.settings.knowledge.collection
        if not _COLLECTION.fullmatch(chosen):
            cure = "Use letters, digits, - and _, beginning with a letter, 63 at most."
            raise UsageError(f"A collection cannot be called {chosen!r}.", cure)
        return chosen
