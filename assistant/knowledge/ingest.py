"""Ingest files, folders, addresses and uploads: one bad file never stops the rest."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.config import Settings
from assistant.knowledge.catalogue import document_id_of
from assistant.knowledge.fetch import fetch, is_url
from assistant.knowledge.indexing import Indexer
from assistant.knowledge.loaders import READABLE
from assistant.knowledge.loaders.pool import Pool
from assistant.knowledge.originals import sha256_of
from assistant.knowledge.types import Failure, IngestProgress, IngestReport
from graphs.errors import Cancelled, CrossroadsError, DocumentError, StorageError, StoreError


@dataclass(frozen=True)
class Upload:
    """A file under the name its user knows it by, wherever the upload was put."""

    name: str
    path: Path


Source = str | Path | Upload
"""A path, a folder, an `http(s)://` address, or an upload."""

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

    def run(self, sources: Sequence[Source]) -> IngestReport:
        """Every source, in order; stopped by `cancel`, with what was done by then in the report.

        Raises `StorageError` and `StoreError`, which would fail every other source too; what is done stays.
        """
        began = time.monotonic()
        pool = Pool()
        items: dict[str, _Item | DocumentError] = {}
        for source in sources:
            items.update(self._expand(source))
        self.total = len(items)
        try:
            for source_name, item in items.items():
                if self.cancel is not None and self.cancel.is_set():
                    break
                self._guarded(source_name, item, pool)
        except Cancelled:
            pass
        finally:
            pool.close()
        return replace(self.report, seconds=round(time.monotonic() - began, 3))

    def _guarded(self, source: str, item: _Item | DocumentError, pool: Pool) -> None:
        try:
            if isinstance(item, DocumentError):
                raise item
            self._one(item, pool)
        except (StorageError, StoreError):
            raise
        except CrossroadsError as error:
            failed = (*self.report.failed, Failure(source, str(error)))
            self.report = replace(self.report, failed=failed)
            self._finish(source, "failed", str(error))

    def _one(self, item: _Item, pool: Pool) -> None:
        content = self._read(item)
        sha256 = sha256_of(content.data)
        indexer, source = self.indexer, item.source
        if indexer.catalogue.is_unchanged(self.collection, source, sha256, indexer.indexed):
            self.report = replace(self.report, unchanged=self.report.unchanged + 1)
            self._finish(source, "unchanged")
            return
        loaded = pool.load(content.data, source, content.declared, self.cancel)
        self._tell(source, "read", f"{len(loaded.text):,} characters")
        chunks = indexer.split(loaded, document_id_of(self.collection, source, sha256), source)
        self._tell(source, "split", f"{len(chunks)} passages")
        vectors = indexer.embed(chunks, self.cancel, lambda done, total: self._embedded(source, done, total))
        indexer.add(self.collection, sha256, content.data, loaded, chunks, vectors)
        self.report = replace(self.report, documents=self.report.documents + 1, chunks=self.report.chunks + len(chunks))
        self._finish(source, "done", f"{len(chunks)} passages")

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

    def _embedded(self, source: str, done: int, total: int) -> None:
        self._tell(source, "embedded", f"{done} of {total} passages")

    def _finish(self, source: str, state: str, detail: str = "") -> None:
        self.finished += 1
        self._tell(source, state, detail)

    def _tell(self, source: str, state: str, detail: str = "") -> None:
        if self.on_progress is not None:
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
