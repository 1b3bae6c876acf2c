"""Files, folders and uploads become searchable one by one; a bad one is reported and stops nothing."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.knowledge.base import KnowledgeBase, Upload
from assistant.knowledge.types import IngestProgress
from graphs.errors import StorageError, StoreError
from tests.assistant.knowledge.files import pdf
from tests.assistant.knowledge.shelf import FileStore, open_shelf


@pytest.fixture
def shelf(home: Path) -> Iterator[KnowledgeBase]:
    with open_shelf(home) as knowledge:
        yield knowledge


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    (made / "deep" / ".hidden").mkdir(parents=True)
    (made / "b.md").write_text("# Warranty\n\nThe warranty lasts two years.")
    (made / "a.txt").write_text("The library opens at nine.")
    (made / "deep" / "c.pdf").write_bytes(pdf("Late fees are five euro."))
    (made / "deep" / ".hidden" / "d.md").write_text("secret")
    (made / ".e.md").write_text("secret")
    (made / "picture.png").write_bytes(b"\x89PNG")
    return made


def names(knowledge: KnowledgeBase) -> list[str]:
    return sorted(Path(info.source).name for info in knowledge.documents())


def store_of(knowledge: KnowledgeBase) -> FileStore:
    assert isinstance(knowledge.store, FileStore)
    return knowledge.store


def test_a_folder_gives_its_readable_files(shelf: KnowledgeBase, folder: Path) -> None:
    report = shelf.ingest([folder])
    assert (report.documents, report.failed) == (3, ())
    assert names(shelf) == ["a.txt", "b.md", "c.pdf"]


def test_what_is_found_is_the_stored_text(shelf: KnowledgeBase, folder: Path) -> None:
    shelf.ingest([folder])
    hit = shelf.search("How long is the warranty?", k=1)[0].chunk
    assert shelf.document(hit.document_id).text[hit.start : hit.end] == hit.text
    assert "two years" in hit.text


def test_again_changes_nothing(shelf: KnowledgeBase, folder: Path) -> None:
    shelf.ingest([folder])
    before, puts = shelf.documents(), store_of(shelf).puts
    report = shelf.ingest([folder])
    assert (report.documents, report.unchanged) == (0, 3)
    assert (shelf.documents(), store_of(shelf).puts) == (before, puts)


def test_changed_content_replaces_the_old(shelf: KnowledgeBase, folder: Path) -> None:
    shelf.ingest([folder])
    (folder / "b.md").write_text("# Warranty\n\nThe warranty lasts five years.")
    report = shelf.ingest([folder])
    assert (report.documents, report.unchanged, len(shelf.documents())) == (1, 2, 3)
    texts = [hit.chunk.text for hit in shelf.search("warranty", k=10)]
    assert [text for text in texts if "warranty" in text] == ["# Warranty\n\nThe warranty lasts five years."]
    assert shelf.store.count("documents") == 3


def test_a_new_version_that_cannot_be_read_leaves_the_old_one(shelf: KnowledgeBase, folder: Path) -> None:
    shelf.ingest([folder])
    (folder / "deep" / "c.pdf").write_bytes(b"%PDF-1.7 cut")
    assert len(shelf.ingest([folder]).failed) == 1
    assert "c.pdf" in names(shelf)


def test_one_bad_file_stops_nothing(shelf: KnowledgeBase, folder: Path) -> None:
    (folder / "a.pdf").write_bytes(b"<html>an error page</html>")
    (folder / "z.pdf").write_bytes(pdf("A page.", password="secret"))
    report = shelf.ingest([folder, folder / "missing.md"])
    assert report.documents == 3
    assert [Path(failure.source).name for failure in report.failed] == ["a.pdf", "z.pdf", "missing.md"]
    assert "encrypted" in report.failed[1].error


def test_a_file_without_rights_is_reported(shelf: KnowledgeBase, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # whoever runs the tests may be allowed everything
    report = shelf.ingest([folder / "a.txt"])
    assert "may not be read" in report.failed[0].error


def test_a_folder_without_rights_is_reported(
    shelf: KnowledgeBase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("deep"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = shelf.ingest([folder])
    assert report.documents == 2
    assert report.failed[0].source == str(folder / "deep")


def test_a_folder_without_documents_is_reported(shelf: KnowledgeBase, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert "holds no document" in shelf.ingest([tmp_path / "bare"]).failed[0].error


def test_a_file_above_the_limit_is_refused(home: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_bytes(b"words " * 200_000)
    with open_shelf(home, max_file_mb=1) as knowledge:
        assert "more than the 1 MB allowed" in knowledge.ingest([large]).failed[0].error


def test_something_that_is_no_file_is_refused(shelf: KnowledgeBase, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert "is not a file" in shelf.ingest([tmp_path / "pipe.txt"]).failed[0].error


def test_an_upload_is_known_by_its_name(shelf: KnowledgeBase, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "upload.tmp").write_text(f"# Handbook\n\nVersion {folder}.")
        shelf.ingest([Upload("handbook.md", tmp_path / folder / "upload.tmp")])
    assert [info.source for info in shelf.documents()] == ["handbook.md"]
    assert "Version two" in shelf.document(shelf.documents()[0].document_id).text


def test_every_step_is_told(shelf: KnowledgeBase, folder: Path) -> None:
    told: list[IngestProgress] = []
    shelf.ingest([folder / "a.txt"], on_progress=told.append)
    shelf.ingest([folder / "a.txt"], on_progress=told.append)
    assert [step.state for step in told] == ["read", "split", "embedded", "done", "unchanged"]
    assert [step.finished for step in told] == [0, 0, 0, 1, 1]


def test_a_document_is_searchable_before_the_last_one_is_done(shelf: KnowledgeBase, folder: Path) -> None:
    seen: list[int] = []
    shelf.ingest([folder], on_progress=lambda step: seen.append(len(shelf.documents())))
    assert seen[-2:] == [2, 3]


def test_cancel_keeps_what_is_done(shelf: KnowledgeBase, folder: Path) -> None:
    cancel = threading.Event()

    def stop_after_first(step: IngestProgress) -> None:
        if step.state == "done":
            cancel.set()

    report = shelf.ingest([folder], on_progress=stop_after_first, cancel=cancel)
    assert (report.documents, names(shelf)) == (1, ["a.txt"])


def test_the_original_is_kept(shelf: KnowledgeBase, folder: Path) -> None:
    shelf.ingest([folder / "deep" / "c.pdf"])
    original = shelf.original(shelf.documents()[0].document_id)
    assert original is not None
    assert original.suffix == ".pdf"
    assert original.read_bytes() == (folder / "deep" / "c.pdf").read_bytes()


def test_a_full_disk_loses_nothing(shelf: KnowledgeBase, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.ingest([folder / "a.txt"])

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="is full"):
            shelf.ingest([folder])
    assert names(shelf) == ["a.txt"]
    assert shelf.ingest([folder]).documents == 2


def test_a_store_that_is_down_loses_nothing(
    shelf: KnowledgeBase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.knowledge.indexing._STORE_PATIENCE", 0.0)
    shelf.ingest([folder / "a.txt"])
    store_of(shelf).down = True
    with pytest.raises(StoreError):
        shelf.ingest([folder])
    store_of(shelf).down = False
    shelf.mend()
    assert names(shelf) == ["a.txt", "b.md"]
    assert shelf.ingest([folder]).documents == 1


def test_a_store_that_comes_back_in_time_is_used(shelf: KnowledgeBase, folder: Path) -> None:
    store = store_of(shelf)
    put, failures = store.put, [StoreError("The store fell over.", "Wait.")]

    def stumble(*given: object) -> None:
        if failures:
            raise failures.pop()
        put(*given)  # type: ignore[arg-type]

    store.put = stumble  # type: ignore[method-assign]
    assert shelf.ingest([folder]).documents == 3


def test_what_a_store_that_fell_over_took_is_taken_away_before_it_is_given_again(
    shelf: KnowledgeBase, folder: Path
) -> None:
    store, calls = store_of(shelf), list[str]()
    put, remove = store.put, store.remove

    def halfway(*given: object) -> None:
        calls.append("put")
        put(*given)  # type: ignore[arg-type]
        if calls == ["put"]:
            raise StoreError("The store fell over.", "Wait.")

    def noted(*given: object, **more: object) -> None:
        calls.append("remove")
        remove(*given, **more)  # type: ignore[arg-type]

    store.put, store.remove = halfway, noted  # type: ignore[method-assign]
    shelf.ingest([folder / "a.txt"])
    assert calls[:3] == ["put", "remove", "put"]
