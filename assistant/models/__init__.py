"""The models of the catalogue on this computer: pull, ensure, list, show, remove.

Layout: `CROSSROADS_CACHE/models/NAME/` holds the files and, once all are checked, `crossroads.json`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assistant.config import Settings
from assistant.models.catalogue import CATALOGUE, CatalogueModel, ModelFile, find
from assistant.models.sources import SourceError, from_hub, from_package, part_of
from graphs.errors import BusyError, ModelError, StorageError

__all__ = ["CATALOGUE", "CatalogueModel", "ModelStatus", "PullProgress", "ensure", "find", "folder_of"]
__all__ += ["list_models", "pull", "remove", "show", "verify"]

_RECORD = "crossroads.json"
_SOURCES = {"hub": from_hub, "package": from_package}


@dataclass(frozen=True)
class PullProgress:
    """How far a pull is. `done` and `total` are bytes of what the source sends (a wheel is smaller than its files)."""

    name: str
    source: Literal["", "hub", "package"]
    state: Literal["waiting", "trying", "downloading", "checking", "failed", "done"]
    done: int = 0
    total: int = 0
    detail: str = ""
    """Why a source failed."""


@dataclass(frozen=True)
class ModelStatus:
    """A catalogue model as it stands on this computer."""

    name: str
    kind: str
    title: str
    licence: str
    parameters: int
    size: int
    """Bytes on disk once pulled."""
    folder: Path
    present: bool
    source: str = ""
    """Where it was pulled from: hub, package, or files that were already there."""


OnProgress = Callable[[PullProgress], None]


def folder_of(name: str, settings: Settings) -> Path:
    """Where a catalogue model's files lie, pulled or not. Raises `NotFoundError` for an unknown name."""
    return settings.cache / "models" / find(name).name


def ensure(name: str, settings: Settings, progress: OnProgress | None = None) -> Path:
    """The folder of a catalogue model, pulled first where it is missing.

    Cheap where it is there: sizes are compared, contents were checked when it was pulled (`verify` does it again).
    Raises `NotFoundError`, `ModelError` where no source gives it, `StorageError`, `BusyError`.
    """
    model = find(name)
    folder = folder_of(name, settings)
    return folder if _present(model, folder) else pull(name, settings, progress)


def pull(name: str, settings: Settings, progress: OnProgress | None = None) -> Path:
    """Fetch what is missing of a catalogue model from the first source that answers; sha256 checked.

    Interrupted, it continues where it stopped. Raises as `ensure` does.
    """
    model, tell = find(name), progress or _silent
    folder = folder_of(name, settings)
    with _storage(folder), _alone(folder, model, tell):
        source = _complete(model, folder, tell)
        record = {"name": model.name, "source": source, "files": {f.path: f.sha256 for f in model.files}}
        _write(folder / _RECORD, json.dumps(record, indent=1))
        tell(PullProgress(model.name, "", "done", model.size, model.size))
    return folder


def _complete(model: CatalogueModel, folder: Path, tell: OnProgress) -> str:
    """Bring every file to its place; the name of the source that gave the last missing one."""
    tell(PullProgress(model.name, "", "checking", 0, model.size))
    if not _missing(model, folder):
        return _recorded(folder) or "files"
    failures = []
    for source, fetch in _SOURCES.items():
        tell(PullProgress(model.name, source, "trying"))  # type: ignore[arg-type]
        try:
            wanted = _missing(model, folder)
            for file in fetch(model, wanted, folder, _advance(model, source, tell)):
                _accept(file, folder)
            return source
        except SourceError as failure:
            failures.append(f"{source}: {failure}")
            tell(PullProgress(model.name, source, "failed", detail=str(failure)))  # type: ignore[arg-type]
    raise _no_source(model, folder, failures)


def _advance(model: CatalogueModel, source: str, tell: OnProgress) -> Callable[[int, int], None]:
    def advance(done: int, total: int) -> None:
        tell(PullProgress(model.name, source, "downloading", done, total))  # type: ignore[arg-type]

    return advance


def _accept(file: ModelFile, folder: Path) -> None:
    """Put a downloaded file into its place if it is the file the catalogue means; else throw it away."""
    part = part_of(folder, file)
    found = sha256_of(part)
    if found != file.sha256:
        part.unlink()
        raise SourceError(f"{file.path} has sha256 {found[:12]}…, expected {file.sha256[:12]}…")
    with part.open("rb+") as handle:
        os.fsync(handle.fileno())
    part.replace(folder / file.path)


def _missing(model: CatalogueModel, folder: Path) -> list[ModelFile]:
    """Files that are not there or are not what the catalogue says. Reads every file there is."""
    return [file for file in model.files if not _genuine(folder / file.path, file)]


def _genuine(path: Path, file: ModelFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size and sha256_of(path) == file.sha256


def _present(model: CatalogueModel, folder: Path) -> bool:
    sizes = all((folder / f.path).is_file() and (folder / f.path).stat().st_size == f.size for f in model.files)
    return sizes and (folder / _RECORD).is_file()


def _recorded(folder: Path) -> str:
    try:
        return str(json.loads((folder / _RECORD).read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError):
        return ""


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def verify(name: str, settings: Settings) -> list[str]:
    """Paths of a pulled model's files that are missing or damaged; empty means all is well. Reads all of them."""
    return [file.path for file in _missing(find(name), folder_of(name, settings))]


def list_models(settings: Settings) -> list[ModelStatus]:
    """Every model of the catalogue and whether it is on this computer."""
    return [show(name, settings) for name in CATALOGUE]


def show(name: str, settings: Settings) -> ModelStatus:
    """One model of the catalogue as it stands on this computer. Raises `NotFoundError`."""
    model, folder = find(name), folder_of(name, settings)
    present = _present(model, folder)
    facts = (model.name, model.kind, model.title, model.licence, model.parameters, model.size)
    return ModelStatus(*facts, folder, present, _recorded(folder) if present else "")


def remove(name: str, settings: Settings) -> int:
    """Delete a pulled model; the bytes that became free. Raises `NotFoundError`, `StorageError`."""
    folder = folder_of(name, settings)
    with _storage(folder):
        freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
        if folder.is_dir():
            shutil.rmtree(folder)
    return freed


def _no_source(model: CatalogueModel, folder: Path, failures: list[str]) -> ModelError:
    files = ", ".join(file.path for file in model.files)
    return ModelError(
        f"The model {model.name!r} could not be fetched. " + "; ".join(failures) + ".",
        f"Connect to the internet, or set HF_ENDPOINT to a mirror of the hub, and run `crossroads models pull` again; "
        f"or put its files ({files}) into {folder} yourself.",
    )


def _silent(_: PullProgress) -> None:
    return None


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


@contextmanager
def _alone(folder: Path, model: CatalogueModel, tell: OnProgress) -> Iterator[None]:
    """Let one process at a time pull a model; the others wait, then find it there."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder.parent / f".{folder.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell(PullProgress(model.name, "", "waiting", detail="another process is fetching it"))
        try:
            lock.acquire(timeout=1800)
        except Timeout:
            raise BusyError(f"Another process is still fetching {model.name!r}.", "Wait for it or end it.") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _storage(folder: Path) -> Iterator[None]:
    """Turn a full disk and missing rights into an error with a cure."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}:
            raise
        cure = "Free some space there, or point CROSSROADS_CACHE at a folder that can be written."
        raise StorageError(f"{str(folder)!r} cannot be written: {error.strerror}.", cure) from error
