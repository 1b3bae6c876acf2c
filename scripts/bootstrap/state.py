"""What set-up remembers: one lock while it works, one stamp when it is done."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from .console import Console
from .packages import has_gpu
from .places import ENVIRONMENT, LOCK, PRIVATE, PYTHON, ROOT

STAMP = PRIVATE / "ready.json"
FORMAT = 1


def fingerprint() -> str:
    """Changes when the lock, the project's dependencies, the settings, this Python or the GPU do."""
    digest = hashlib.sha256()
    for path in (LOCK, ROOT / "pyproject.toml", ROOT / "crossroads.toml", ROOT / ".env", *_own_files()):
        digest.update(path.name.encode() + b"\0")
        digest.update(path.read_bytes() if path.is_file() else b"-")
    digest.update(f"{FORMAT} {sys.version_info[:2]} {has_gpu()} {os.environ.get('CROSSROADS_CACHE', '')}".encode())
    return digest.hexdigest()


def _own_files() -> list[Path]:
    return sorted(Path(__file__).parent.glob("*.py"))


def read_stamp() -> dict[str, object]:
    """The stamp of the last set-up that finished; empty where there is none."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def installed_extras() -> set[str]:
    """The extras an earlier set-up installed: they are kept."""
    extras = read_stamp().get("extras", [])
    return {str(extra) for extra in extras} if isinstance(extras, list) else set()


def write_stamp(extras: Iterable[str], files: Iterable[Path]) -> None:
    """Remember that everything is there: the distributions, and the files with their sizes."""
    stamp = {
        "fingerprint": fingerprint(),
        "extras": sorted(extras),
        "distributions": _distributions(),
        "files": {str(path): path.stat().st_size for path in files},
    }
    temporary = STAMP.with_suffix(".new")
    temporary.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    temporary.replace(STAMP)


def is_ready(extras: Iterable[str]) -> bool:
    """Whether a finished set-up still holds. Looks at names and sizes only, in a few milliseconds."""
    stamp = read_stamp()
    if stamp.get("fingerprint") != fingerprint() or not PYTHON.exists() or not set(extras) <= installed_extras():
        return False
    kept, files = stamp.get("distributions"), stamp.get("files")
    if not isinstance(kept, list) or not isinstance(files, dict) or not set(kept) <= set(_distributions()):
        return False
    return all(Path(name).is_file() and Path(name).stat().st_size == size for name, size in files.items())


def _distributions() -> list[str]:
    return sorted(path.name for path in ENVIRONMENT.glob("lib/python*/site-packages/*.dist-info"))


def hold_lock(console: Console) -> int:
    """Wait until no other set-up works in this clone; returns the open lock. Programs that inherit it keep it held."""
    PRIVATE.mkdir(exist_ok=True)
    descriptor = os.open(PRIVATE / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        console.line("Another set-up is still at work in this folder; waiting for it.")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor
