"""The files documents were made from, kept under `HOME/files` by what they contain, so that they can be shown later."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Set as AbstractSet
from pathlib import Path

from assistant.database import storage_errors
from assistant.knowledge.formats import format_of


def sha256_of(data: bytes) -> str:
    """The hex digest an original is kept and compared by."""
    return hashlib.sha256(data).hexdigest()


class Originals:
    """A folder of files named `<sha256><extension>`. Raises `StorageError` where it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, data: bytes, sha256: str, media_type: str) -> Path:
        """Store the bytes once. Either the whole file is there afterwards or none of it."""
        known = self.find(sha256)
        if known:
            return known
        path = self.folder / f"{sha256}{format_of(media_type).extensions[0]}"
        partial = self.folder / f".{sha256}.{os.getpid()}"
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                with partial.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        return path

    def find(self, sha256: str) -> Path | None:
        """The kept file of that content, if there is one."""
        return next(iter(self.folder.glob(f"{sha256}.*")), None)

    def discard(self, sha256: str) -> None:
        """Delete the file of that content; an unknown one is fine."""
        with storage_errors(self.folder):
            for path in self.folder.glob(f"{sha256}.*"):
                path.unlink(missing_ok=True)

    def sweep(self, known: AbstractSet[str]) -> None:
        """Delete what no document has: files a killed process left behind."""
        with storage_errors(self.folder):
            for path in self.folder.glob("*") if self.folder.is_dir() else ():
                if path.name.split(".")[0] not in known:
                    path.unlink(missing_ok=True)
