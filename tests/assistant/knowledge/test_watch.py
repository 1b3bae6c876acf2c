"""`crossroads ingest --watch`: what changes in a folder is loaded, what goes is deleted, until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assistant.cli.ingest import _is_document

pytest.importorskip("faiss", reason="FAISS is not installed: the extra `faiss`")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    made.mkdir()
    (made / "apples.md").write_text("# Apples\n\nApples are harvested in September.")
    return made


@pytest.fixture
def watching(folder: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    chosen = ["--set", "store.kind=faiss", "--set", "models.embedding=fake:words"]
    command = [sys.executable, "-m", "assistant", "ingest", str(folder), "--watch", "--json", *chosen]
    with subprocess.Popen(
        [*command, "--home", str(tmp_path / "home")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        ending = threading.Timer(60, process.kill)  # a test must end, whatever the command does
        ending.start()
        yield process
        ending.cancel()
        process.kill()


def report(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next report on standard output, on however many lines it stands."""
    held = ""
    for line in process.stdout or ():
        held += line
        try:
            found: dict[str, Any] = json.loads(held)
        except ValueError:
            continue
        return found
    raise AssertionError(process.stderr.read() if process.stderr else "")


def until_watching(process: subprocess.Popen[str]) -> None:
    for line in process.stderr or ():
        if line.startswith("watching"):
            return


@contextmanager
def touching(file: Path) -> Iterator[None]:
    """Touch a file again and again: the watch may begin a moment after it says so."""
    ended = threading.Event()

    def touch() -> None:
        while not ended.wait(0.2):
            file.touch()

    thread = threading.Thread(target=touch)
    thread.start()
    yield
    ended.set()
    thread.join()


def test_a_folder_is_followed_until_it_is_interrupted(folder: Path, watching: subprocess.Popen[str]) -> None:
    first = report(watching)
    until_watching(watching)
    (folder / ".notes.md").write_text("hidden")
    (folder / "pears.md").write_text("# Pears\n\nPears are harvested in October.")
    with touching(folder / "pears.md"):
        second = report(watching)
    os.remove(folder / "apples.md")
    third = report(watching)
    while not third["deleted"]:
        third = report(watching)
    watching.send_signal(signal.SIGINT)
    assert (first["documents"], first["failed"]) == (1, [])
    assert (second["documents"], second["unchanged"], second["deleted"]) == (1, 0, 0)
    assert (third["documents"], third["deleted"]) == (0, 1)
    assert watching.wait(30) in (0, 130)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("a.md", True), ("deep/b.PDF", True), (".hidden.md", False), (".git/c.md", False), ("d.exe", False), ("e", False)],
)
def test_what_an_ingest_of_the_folder_would_take_is_taken(name: str, wanted: bool) -> None:
    assert _is_document(f"/docs/{name}", ["/docs"]) is wanted
