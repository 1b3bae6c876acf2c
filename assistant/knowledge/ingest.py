"""Ingest files, folders, addresses and uploads: one bad file never stops the rest."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from assistant.config import Settings
from assistant.knowledge.catalogue import document_id_of
from assistant.knowledge.fetch import fetch, is_url
from assistant.knowledge.indexing import Indexer
from assistant.knowledge.loaders import READABLE
from assistant.knowledge.loaders.pool import Pool
from assistant.knowledge.originals import sha256_of
from assistant.knowledge.similar import Signature, Similar, signature_of
from assistant.knowledge.types import (
    Alike,
    Chunk,
    DocumentInfo,
    Failure,
    IngestProgress,
    IngestReport,
    Loaded,
    Vectors,
)
from graphs.errors import Cancelled, CrossroadsError, DocumentError, StorageError, StoreError


@dataclass(frozen=True)
class Upload:
    """A file under the name its user knows it by, wherever the upload was put."""

    name: str
    path: Path


Source = str | Path | Upload
"""A path, a folder, an `http(s)://` address, or an upload."""

_TOGETHER = 256
"""Passages embedded together: enough that batches of like length fill every core."""

Listener = Callable[[IngestProgress], None]


@dataclass(frozen=True)
class _Item:
    """One document to be: what it is called from now on, and where its bytes come from."""

    source: str
    path: Path | None = None
    """None for an address."""


@dataclass(frozen=True)
class _Content:
    data: bytes
    declared: str = ""


@dataclass(frozen=True)
class _Prepared:
    """A document read, parsed and split; its vectors are still to be made."""

    item: _Item
    sha256: str
    data: bytes
    loaded: Loaded
    chunks: list[Chunk]
    signature: Signature


@dataclass
class Ingest:
    """One run over a list of sources."""

    settings: Settings
    indexer: Indexer
    collection: str
    on_progress: Listener | None = None
    cancel: threading.Event | None = None

    def __post_init__(self) -> None:
        self.report = IngestReport()
        self.finished = 0
        self.total = 0
        self._lock, self._telling = threading.Lock(), threading.Lock()
        self._similar = Similar(self.indexer.catalogue.engine, self.collection)
        self._cancel = self.cancel or threading.Event()

    def run(self, sources: Sequence[Source]) -> IngestReport:
        """Every source; stopped by `cancel`, with what was done by then in the report.

        Files are read and parsed side by side, embedded together, and written while the next ones are embedded.
        Raises `StorageError` and `StoreError`, which would fail every other source too; what is done stays.
        """
        began = time.monotonic()
        items: dict[str, _Item | DocumentError] = {}
        for source in sources:
            items.update(self._expand(source))
        self.total = len(items)
        pool = Pool()
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="ingest-write") as writer:
                self._work(items, pool, writer)
        except Cancelled:
            pass
        finally:
            pool.close()
        return replace(self.report, seconds=round(time.monotonic() - began, 3))

    def _work(self, items: dict[str, _Item | DocumentError], pool: Pool, writer: ThreadPoolExecutor) -> None:
        group: list[_Prepared] = []
        writing: Future[None] | None = None
        for prepared in self._prepared(items, pool):
            group.append(prepared)
            if sum(len(one.chunks) for one in group) >= _TOGETHER:
                writing = self._embed(group, writer, writing)
                group = []
        if group and not self._cancel.is_set():
            writing = self._embed(group, writer, writing)
        if writing is not None:
            writing.result()

    def _prepared(self, items: dict[str, _Item | DocumentError], pool: Pool) -> Iterator[_Prepared]:
        """The documents to be indexed, in order, each read, parsed and split; a few are prepared ahead."""
        names = iter(items.items())
        with ThreadPoolExecutor(pool.size, thread_name_prefix="ingest-read") as readers:
            ahead: deque[tuple[str, Future[_Prepared | None]]] = deque()
            try:
                while not self._cancel.is_set():
                    for name, item in islice(names, 2 * pool.size - len(ahead)):
                        ahead.append((name, readers.submit(self._prepare, item, pool)))
                    if not ahead:
                        return
                    source, future = ahead.popleft()
                    prepared = self._guarded(source, future)
                    if prepared is not None:
                        yield prepared
            finally:
                for _, future in ahead:
                    future.cancel()

    def _guarded(self, source: str, future: Future[_Prepared | None]) -> _Prepared | None:
        try:
            return future.result()
        except (StorageError, StoreError, Cancelled):
            raise
        except CrossroadsError as error:
            with self._lock:
                self.report = replace(self.report, failed=(*self.report.failed, Failure(source, str(error))))
            self._finish(source, "failed", str(error))
            return None

    def _prepare(self, item: _Item | DocumentError, pool: Pool) -> _Prepared | None:
        if isinstance(item, DocumentError):
            raise item
        if self._cancel.is_set():
            raise Cancelled
        content = self._read(item)
        sha256 = sha256_of(content.data)
        indexer, source = self.indexer, item.source
        if indexer.catalogue.is_unchanged(self.collection, source, sha256, indexer.indexed):
            with self._lock:
                self.report = replace(self.report, unchanged=self.report.unchanged + 1)
            self._finish(source, "unchanged")
            return None
        loaded = pool.load(content.data, source, content.declared, self._cancel)
        self._tell(source, "read", f"{len(loaded.text):,} characters")
        chunks = indexer.split(loaded, document_id_of(self.collection, source, sha256), source)
        self._tell(source, "split", f"{len(chunks)} passages")
        return _Prepared(item, sha256, content.data, loaded, chunks, signature_of(loaded.text))

    def _embed(
        self, group: Sequence[_Prepared], writer: ThreadPoolExecutor, before: Future[None] | None
    ) -> Future[None]:
        """Vectors for a group of documents; writing them begins, after the group before is written."""
        known = [self._before(one) for one in group]
        fresh = [chunk for one, old in zip(group, known, strict=True) if old is None for chunk in one.chunks]
        vectors = self.indexer.embed(fresh, self._cancel, lambda done, _: self._embedded(group, done))
        if before is not None:
            before.result()
        place, jobs = 0, list[tuple[_Prepared, Vectors, str]]()
        for one, old in zip(group, known, strict=True):
            if old is None:
                jobs.append((one, vectors[place : place + len(one.chunks)], ""))
                place += len(one.chunks)
            else:
                jobs.append((one, old[1], old[0].source))
        return writer.submit(self._write, jobs)

    def _before(self, one: _Prepared) -> tuple[DocumentInfo, Vectors] | None:
        """The same content under the name of a file that is gone, with its vectors: the file was moved."""
        for info in self.indexer.catalogue.same_content(self.collection, one.sha256):
            if one.item.path is None or info.source == one.item.source or os.path.lexists(info.source):
                continue
            vectors = self.indexer.vectors_of(info, one.loaded, one.chunks)
            if vectors is not None:
                return info, vectors
        return None

    def _write(self, jobs: Sequence[tuple[_Prepared, Vectors, str]]) -> None:
        for one, vectors, moved_from in jobs:
            if self._cancel.is_set():
                return
            self.indexer.add(self.collection, one.sha256, one.data, one.loaded, one.chunks, vectors)
            source = one.item.source
            if moved_from:
                with self.indexer.exclusive():
                    self.indexer.remove(
                        self.indexer.catalogue.mark_deleting(source=moved_from, collection=self.collection)
                    )
            like = None if moved_from else self._similar.nearest(source, one.signature)
            self._similar.keep(one.chunks[0].document_id, source, one.signature)
            self._count(one, bool(moved_from), like)
            told = f"; nearly the same as {like[0]} ({like[1]:.0%})" if like else ""
            told = f"; was {moved_from}" if moved_from else told
            self._finish(source, "moved" if moved_from else "done", f"{len(one.chunks)} passages{told}")

    def _count(self, one: _Prepared, moved: bool, like: tuple[str, float] | None) -> None:
        alike = (Alike(one.item.source, like[0], round(like[1], 3)),) if like else ()
        with self._lock:
            now = self.report
            self.report = replace(
                now,
                documents=now.documents + 1,
                chunks=now.chunks + len(one.chunks),
                moved=now.moved + moved,
                similar=(*now.similar, *alike),
            )

    def _read(self, item: _Item) -> _Content:
        if item.path is None:
            fetched = fetch(item.source, self.settings)
            return _Content(fetched.data, fetched.media_type)
        return _Content(_read_file(item.path, item.source, self.settings.knowledge.max_file_mb))

    def _expand(self, source: Source) -> dict[str, _Item | DocumentError]:
        """The documents behind a source by name; an error in place of what cannot be one."""
        if isinstance(source, Upload):
            return {source.name: _Item(source.name, source.path)}
        if is_url(str(source)):
            return {str(source): _Item(str(source))}
        path = Path(source).expanduser()
        try:
            path = path.resolve()
            if path.is_dir():
                return dict(_folder(path))
        except (OSError, RuntimeError) as error:
            return {str(source): DocumentError(f"{str(source)!r} cannot be opened: {error}.", "Check the path.")}
        return {str(path): _Item(str(path), path)}

    def _embedded(self, group: Sequence[_Prepared], done: int) -> None:
        """Tell of the document the embedding has reached."""
        reached = 0
        for one in group:
            reached += len(one.chunks)
            if done <= reached:
                break
        within = len(one.chunks) - (reached - done) if done <= reached else len(one.chunks)
        self._tell(one.item.source, "embedded", f"{within} of {len(one.chunks)} passages")

    def _finish(self, source: str, state: str, detail: str = "") -> None:
        with self._lock:
            self.finished += 1
        self._tell(source, state, detail)

    def _tell(self, source: str, state: str, detail: str = "") -> None:
        if self.on_progress is not None:
            with self._telling:
                self.on_progress(IngestProgress(source, state, detail, self.finished, self.total))


def _folder(folder: Path) -> Iterator[tuple[str, _Item | DocumentError]]:
    """Readable documents below a folder in a stable order; hidden ones and other kinds are left out."""
    errors: list[OSError] = []
    found = 0
    for place, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place) / name
            if not name.startswith(".") and path.suffix.lower() in READABLE:
                found += 1
                yield str(path), _Item(str(path), path) if _inside(path, folder) else _leads_out(path)
    for error in errors:
        yield str(error.filename), _unreadable(str(error.filename), error)
    if not found and not errors:
        kinds = " ".join(sorted(READABLE))
        yield str(folder), DocumentError(f"{str(folder)!r} holds no document.", f"Readable are {kinds}.")


def _inside(path: Path, folder: Path) -> bool:
    """Whether a file is in the folder itself: a link in a folder somebody else packed may lead to any file there is."""
    return not path.is_symlink() or path.resolve().is_relative_to(folder)


def _leads_out(path: Path) -> DocumentError:
    return DocumentError(f"{str(path)!r} is a link that leads out of its folder.", "Name the file itself to load it.")


def _read_file(path: Path, name: str, max_mb: int) -> bytes:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise DocumentError(f"{name!r} is not a file.", "Name a file or a folder.")
        if state.st_size > max_mb * 2**20:
            message = f"{name!r} has {state.st_size / 2**20:,.0f} MB, more than the {max_mb} MB allowed."
            raise DocumentError(message, "Split it, or raise knowledge.max_file_mb.")
        return path.read_bytes()
    except FileNotFoundError:
        raise DocumentError(f"{name!r} does not exist.", "Check the path.") from None
    except OSError as error:
        raise _unreadable(name, error) from None


def _unreadable(name: str, error: OSError) -> DocumentError:
    if isinstance(error, PermissionError):
        return DocumentError(f"{name!r} may not be read.", "Give yourself the right to read it, then ingest it again.")
    return DocumentError(f"{name!r} cannot be read: {error.strerror}.", "Check the path and the disk.")
