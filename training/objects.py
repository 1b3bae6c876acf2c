"""Files by what they hold: each stored once under its sha256, and hard-linked where a version wants it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

_FOLDER = ".objects"


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class Objects:
    """The store below a registry's folder. Two versions that share a tokenizer or a base share its bytes on disk."""

    def __init__(self, root: Path) -> None:
        self._folder = root / _FOLDER

    def put(self, source: Path, target: Path) -> str:
        """Make `target` hold what `source` holds; its sha256. Raises `OSError` where the disk is full or refuses."""
        digest = sha256_of(source)
        stored = self._folder / digest[:2] / digest
        if not stored.exists() or sha256_of(stored) != digest:  # the second: damage must not spread to new versions
            stored.parent.mkdir(parents=True, exist_ok=True)
            part = stored.with_name(f".{digest}.part")
            shutil.copyfile(source, part)
            part.chmod(0o444)
            with part.open("rb") as handle:
                os.fsync(handle.fileno())
            part.replace(stored)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(stored, target)
        except OSError:  # a file system without hard links
            shutil.copyfile(stored, target)
        return digest

    def sweep(self) -> int:
        """Delete what no version links to any more; the bytes that were freed."""
        freed = 0
        for path in self._folder.glob("*/*"):
            facts = path.stat()
            if facts.st_nlink == 1:
                freed += facts.st_size
                path.unlink()
        return freed
