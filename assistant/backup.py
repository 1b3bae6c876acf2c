"""Back up a whole home into one file, and restore it elsewhere: records, conversations, originals, models, the store.

The file is a tar archive with a list of sha256 at its end. While it is written, no service runs, nobody loads
documents, and the embedded server is stopped, so that what is copied belongs together. A store that is a server of its
own is not in it: after a restore its chunks are used where they are still there, and made anew from the catalogue
where not.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.config import Settings
from assistant.database import storage_errors
from assistant.service import only_service, private_folder
from graphs.errors import StorageError, UsageError

_LIST = "backup.json"
_LEFT_OUT = frozenset({"run"})
_DATABASES = (".db", ".sqlite3", ".sqlite")


@dataclass(frozen=True)
class Backup:
    """What was written or restored."""

    file: str
    files: int
    bytes: int
    made: str
    store: str


def backup(settings: Settings, file: Path) -> Backup:
    """Write the home into `file`. Raises `UsageError` where it exists, `BusyError` while a service runs."""
    home = settings.home
    if not (home / "records.db").is_file():
        raise UsageError(f"{str(home)!r} is no home with records.", "Name another with --home.")
    if file.exists():
        raise UsageError(f"{str(file)!r} exists.", "Name another file, or move it away.")
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with _quiet(settings), storage_errors(file.parent), tarfile.open(part, "w") as archive:
            made = _write(archive, home, str(file))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return made


def restore(settings: Settings, file: Path) -> Backup:
    """Unpack `file` into the home, which must be empty; every file is checked before it is used.

    Raises `UsageError` where the home holds something, `StorageError` where the file is no whole backup.
    """
    home = settings.home
    if home.is_dir() and any(entry.name != "run" for entry in home.iterdir()):
        raise UsageError(f"{str(home)!r} is not empty.", "Restore into a new one: --home FOLDER.")
    if not file.is_file():
        raise UsageError(f"{str(file)!r} does not exist.", "Name the file `crossroads backup` wrote.")
    private_folder(home, "run")
    with only_service(home), storage_errors(home), tempfile.TemporaryDirectory(dir=home.parent) as made:
        found = _unpack(file, Path(made))
        for entry in sorted(Path(made).iterdir()):
            if entry.name != _LIST:
                shutil.move(entry, home / entry.name)
    return found


@contextmanager
def _quiet(settings: Settings) -> Iterator[None]:
    """The home while nobody changes it."""
    from assistant.knowledge import weaviate_server

    run = private_folder(settings.home, "run")
    with only_service(settings.home), (run / "documents.lock").open("a") as documents:
        fcntl.flock(documents, fcntl.LOCK_EX)
        weaviate_server.stop(settings)
        yield


def _write(archive: tarfile.TarFile, home: Path, file: str) -> Backup:
    sums: dict[str, str] = {}
    size = 0
    for path in _files(home):
        name = path.relative_to(home).as_posix()
        with tempfile.TemporaryDirectory() as made:
            copied = _still(path, Path(made))
            sums[name] = _sum(copied)
            size += copied.stat().st_size
            archive.add(copied, name)
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    about: dict[str, Any] = {"made": made_at, "store": _store(home), "sha256": sums}
    text = json.dumps(about, indent=1).encode()
    entry = tarfile.TarInfo(_LIST)
    entry.size = len(text)
    archive.addfile(entry, io.BytesIO(text))
    return Backup(file, len(sums), size, made_at, about["store"])


def _files(home: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(home):
        if Path(folder) == home:
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            journal = name.endswith(("-wal", "-shm")) and path.with_name(name[:-4]).exists()
            if path.is_file() and not path.is_symlink() and not journal:
                yield path


def _still(path: Path, folder: Path) -> Path:
    """The file itself, or of a SQLite database a copy that holds what lies in its journal."""
    if not path.name.endswith(_DATABASES) or path.read_bytes()[:15] != b"SQLite format 3":
        return path
    copy = folder / path.name
    with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def _unpack(file: Path, folder: Path) -> Backup:
    try:
        with tarfile.open(file, "r:") as archive:
            archive.extractall(folder, filter="data")
        about: dict[str, Any] = json.loads((folder / _LIST).read_text(encoding="utf-8"))
        sums: dict[str, str] = about["sha256"]
    except (tarfile.TarError, OSError, ValueError, KeyError) as error:
        raise _broken(file, str(error)) from error
    size = 0
    for name, wanted in sums.items():
        path = folder / name
        if not path.is_file() or _sum(path) != wanted:
            raise _broken(file, f"{name} is not what it was")
        size += path.stat().st_size
    return Backup(str(file), len(sums), size, str(about["made"]), str(about["store"]))


def _broken(file: Path, reason: str) -> StorageError:
    return StorageError(f"{str(file)!r} is no whole backup: {reason}.", "Use another copy of it.")


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _store(home: Path) -> str:
    try:
        return str(json.loads((home / "store" / "kind.json").read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
