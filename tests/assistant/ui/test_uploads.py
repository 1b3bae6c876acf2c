"""Uploaded files go by a harmless name and each gets an outcome."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from assistant.ui.uploads import Upload, Uploads, safe_name
from graphs.errors import StoreError
from tests.fake_assistant import FakeAssistant


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("notes.txt", "notes.txt"),
        ("reports/2026/notes.txt", "reports/2026/notes.txt"),
        ("../../etc/passwd", "etc/passwd"),
        ("C:\\Users\\me\\notes.txt", "C:/Users/me/notes.txt"),
        ("a\x00\nb.txt", "a__b.txt"),
        ("/absolute.txt", "absolute.txt"),
        ("..", "unnamed"),
        ("", "unnamed"),
    ],
)
def test_names_cannot_climb_or_hide(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def finished(upload: Upload) -> dict[str, str]:
    for thread in threading.enumerate():
        if thread.name == "upload":
            thread.join(20)
    assert upload.over
    return {name: step.state for name, step in upload.files.items()}


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    uploads = Uploads(FakeAssistant(tmp_path))
    files = [("broken.pdf", io.BytesIO(b"broken")), ("good.txt", io.BytesIO(b"good"))]
    upload = uploads.receive(files, "documents")
    assert finished(upload) == {"broken.pdf": "failed", "good.txt": "done"}
    assert "readable PDF" in upload.files["broken.pdf"].detail


def test_a_store_that_fails_fails_every_file_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assistant = FakeAssistant(tmp_path)

    def out_of_reach(*given: object, **named: object) -> None:
        raise StoreError("Weaviate does not answer.", "Start it again.")

    monkeypatch.setattr(assistant.knowledge, "ingest", out_of_reach)
    upload = Uploads(assistant).receive([("a.txt", io.BytesIO(b"a")), ("b.txt", io.BytesIO(b"b"))], "")
    assert set(finished(upload).values()) == {"failed"}
    assert "Weaviate does not answer. Start it again." in upload.files["b.txt"].detail


def test_received_files_are_removed_when_they_are_loaded(tmp_path: Path) -> None:
    upload = Uploads(FakeAssistant(tmp_path)).receive([("a.txt", io.BytesIO(b"a"))], "")
    finished(upload)
    assert not upload.received["a.txt"].exists()
