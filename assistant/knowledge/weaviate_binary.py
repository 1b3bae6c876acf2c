"""The embedded Weaviate's binary: where it is, and how it is had.

`obtain` takes the release binary from Weaviate's own releases; where those do not answer, it builds the same version
with Go (`weaviate_build.py`). What was interrupted continues.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import subprocess
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from assistant.config import Settings
from graphs.errors import StorageError, StoreError

if TYPE_CHECKING:
    import httpx

VERSION = "1.38.11"
TAG = f"v{VERSION}"
RELEASES = f"https://github.com/weaviate/weaviate/releases/download/{TAG}"
CONNECT_SECONDS = 4.0
"""What releases that do not answer may cost."""
STALL_SECONDS = 60.0
BLOCK = 1 << 20
CURE = (
    "Connect this machine to the internet or to a Go and PyPI mirror and run `make setup` again, put the release's "
    "binary at {place}, set store.url to a Weaviate server, or go on with Chroma (store.kind = 'chroma')."
)


@dataclass(frozen=True)
class BinaryProgress:
    """How far obtaining the binary is."""

    source: Literal["", "release", "go"]
    state: Literal["waiting", "trying", "downloading", "fetching_go", "building", "failed", "done"]
    done: int = 0
    """Bytes while downloading, packages while building."""
    total: int = 0
    """0 where it is not known."""
    seconds: float = 0.0
    """Since this source was begun."""
    detail: str = ""


OnProgress = Callable[[BinaryProgress], None]


class SourceError(Exception):
    """This source cannot give the binary; the next one is tried. The message says why."""


def place(settings: Settings) -> Path:
    """Where the binary belongs: the name the Weaviate client's own embedded mode looks for."""
    return settings.cache / "bin" / f"weaviate-{TAG}-{hashlib.sha256(TAG.encode()).hexdigest()}"


def find(settings: Settings) -> Path | None:
    """The binary if it is there and may be run."""
    path = place(settings)
    return path if path.is_file() and os.access(path, os.X_OK) else None


def obtain(settings: Settings, progress: OnProgress | None = None) -> Path:
    """The binary, downloaded or built first where it is missing; one process at a time, the others wait.

    Raises `StoreError` where no source gives it, with what each said and what helps; the caller can go on with Chroma.
    """
    from assistant.knowledge.weaviate_build import build

    tell = progress or (lambda _: None)
    path = place(settings)
    with _alone(path.parent, tell):
        if find(settings):
            tell(BinaryProgress("", "done"))
            return path
        failures = []
        sources: dict[Literal["release", "go"], Callable[[Path, OnProgress], None]] = {"release": download, "go": build}
        for name, fetch in sources.items():
            tell(BinaryProgress(name, "trying"))
            try:
                fetch(path, tell)
                _check(path)
            except SourceError as failure:
                failures.append(f"{name}: {failure}")
                tell(BinaryProgress(name, "failed", detail=str(failure)))
            else:
                tell(BinaryProgress(name, "done"))
                return path
    raise StoreError(f"Weaviate {VERSION} could not be had ({'; '.join(failures)}).", CURE.format(place=path))


@contextmanager
def _alone(folder: Path, tell: OnProgress) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / "weaviate.lock", "a")  # noqa: SIM115 - held below
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error}.", "Free space or mend its rights.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(BinaryProgress("", "waiting", detail="another command is already getting it"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check(path: Path) -> None:
    """A binary that does not run here (another platform, another libc) is no binary."""
    try:
        subprocess.run([path, "--help"], capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        path.unlink(missing_ok=True)
        raise SourceError(f"what was obtained does not run here: {error}") from None


def asset_names(system: str = "", machine: str = "") -> list[str]:
    """The release's files for a platform, as the release workflow and as the Python client call them."""
    system = system or platform.system()
    machine = machine or platform.machine()
    if system == "Darwin":
        return [f"weaviate-{TAG}-darwin-all.zip", f"weaviate-{TAG}-Darwin-all.zip"]
    known = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}
    tail = f"{known.get(machine, machine)}.tar.gz"
    return [f"weaviate-{TAG}-{system.lower()}-{tail}", f"weaviate-{TAG}-{system}-{tail}"]


def download(path: Path, tell: OnProgress, releases: str = RELEASES) -> None:
    """Fetch the release archive, check it against the sha256 published beside it, and unpack the binary to `path`.

    Continues what an interrupted run left. Raises `SourceError`.
    """
    import httpx

    _answers(releases)
    limits = httpx.Timeout(STALL_SECONDS, connect=CONNECT_SECONDS)
    with httpx.Client(timeout=limits, follow_redirects=True) as client:
        try:
            for name in asset_names():
                part = path.with_name(f"{name}.part")
                if _fetch(client, f"{releases}/{name}", part, tell):
                    _verify(client, f"{releases}/{name}.sha256", part)
                    _unpack(part, path)
                    part.unlink()
                    return
        except httpx.HTTPError as error:
            raise SourceError(f"{releases}: {str(error) or type(error).__name__}") from None
        except OSError as error:
            raise SourceError(str(error)) from None
    raise SourceError(f"the release has no binary for {platform.system()} on {platform.machine()}")


def _answers(address: str) -> None:
    """Raise `SourceError` unless the host answers in `CONNECT_SECONDS`; looking up a name can hang for far longer."""
    import httpx

    outcome: list[str] = []

    def ask() -> None:
        try:
            httpx.head(address, timeout=CONNECT_SECONDS)
            outcome.append("")
        except Exception as error:
            outcome.append(str(error) or type(error).__name__)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if not outcome or outcome[0]:
        why = outcome[0] if outcome else f"no answer within {CONNECT_SECONDS:g} s"
        raise SourceError(f"{address} cannot be reached ({why})")


def _fetch(client: httpx.Client, url: str, part: Path, tell: OnProgress) -> bool:
    """Download to `part`, going on after what it already has; False where there is no such file."""
    began, have = time.monotonic(), part.stat().st_size if part.is_file() else 0
    with client.stream("GET", url, headers={"Range": f"bytes={have}-"} if have else {}) as response:
        if response.status_code == 404:
            return False
        if response.status_code == 416:  # nothing is left to send
            return True
        if response.status_code >= 400:
            raise SourceError(f"{url} answered {response.status_code}")
        have = have if response.status_code == 206 else 0  # a server that ignores the range sends it all again
        total = have + int(response.headers.get("content-length", 0))
        with part.open("ab" if have else "wb") as out:
            for block in response.iter_bytes(BLOCK):
                out.write(block)
                have += len(block)
                tell(BinaryProgress("release", "downloading", have, total, time.monotonic() - began))
    return True


def _verify(client: httpx.Client, url: str, part: Path) -> None:
    """Compare with the published sha256; a release without one is trusted as far as its TLS certificate."""
    answer = client.get(url)
    if answer.status_code == 404:
        return
    published = answer.text.split()[0].lower() if answer.status_code == 200 and answer.text.split() else ""
    found = hashlib.sha256(part.read_bytes()).hexdigest()
    if found != published:
        part.unlink()
        raise SourceError(
            f"{part.name} has sha256 {found[:12]}…, but {published[:12] or answer.status_code} is published"
        )


def _unpack(archive: Path, path: Path) -> None:
    """Take the server out of a .tar.gz or .zip, and nothing else."""
    unpacked = path.with_name(f"{path.name}.part")
    try:
        with _member(archive) as source, unpacked.open("wb") as out:
            while block := source.read(BLOCK):
                out.write(block)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, KeyError) as error:
        archive.unlink()
        raise SourceError(f"{archive.name} cannot be unpacked: {error}") from None
    unpacked.chmod(0o755)
    unpacked.replace(path)


@contextmanager
def _member(archive: Path) -> Iterator[IO[bytes]]:
    wanted = ("weaviate", "weaviate-server")
    if ".zip" in archive.suffixes:
        with zipfile.ZipFile(archive) as zipped:
            name = next((name for name in zipped.namelist() if Path(name).name in wanted), "weaviate")
            with zipped.open(name) as source:
                yield source
        return
    with tarfile.open(archive) as tarred:
        found = next((one for one in tarred if one.isfile() and Path(one.name).name in wanted), None)
        source_or_none = tarred.extractfile(found) if found else None
        if source_or_none is None:
            raise KeyError("it holds no weaviate")
        with source_or_none:
            yield source_or_none
