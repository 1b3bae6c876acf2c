"""A home in one file, and whole again where the original is gone."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from assistant.backup import backup, restore
from assistant.config import Settings
from assistant.database import open_database
from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.catalogue import Catalogue
from assistant.knowledge.stores import open_store
from assistant.providers.embedding import HashedWords
from assistant.service import only_service
from graphs.errors import BusyError, StorageError, UsageError

pytest.importorskip("faiss", reason="FAISS is not installed: the extra `faiss`")


def settings(home: Path) -> Settings:
    return Settings(home=home, models={"embedding": "fake:words"}, store={"kind": "faiss"})


def open_home(home: Path) -> KnowledgeBase:
    made = settings(home)
    store = open_store(made, fingerprint="words", dimensions=384)
    return KnowledgeBase(made, Catalogue(open_database(made)), store, HashedWords())


@pytest.fixture
def filled(home: Path, tmp_path: Path) -> Path:
    (tmp_path / "a.md").write_text("# Warranty\n\nThe warranty lasts two years.")
    with open_home(home) as knowledge:
        knowledge.ingest([tmp_path / "a.md"])
    (home / "models" / "reader" / "1").mkdir(parents=True)
    (home / "models" / "reader" / "1" / "model.json").write_text("{}")
    return home


def test_a_home_is_whole_again_without_the_original(filled: Path, tmp_path: Path) -> None:
    file = tmp_path / "home.tar"
    made = backup(settings(filled), file)
    shutil.rmtree(filled)
    (tmp_path / "a.md").unlink()

    found = restore(settings(tmp_path / "new"), file)

    assert (found.files, found.bytes, found.made, found.store) == (made.files, made.bytes, made.made, "faiss")
    with open_home(tmp_path / "new") as knowledge:
        [hit] = knowledge.search("How long is the warranty?")
        assert knowledge.document(hit.chunk.document_id).text[hit.chunk.start : hit.chunk.end] == hit.chunk.text
        original = knowledge.original(hit.chunk.document_id)
        assert original
        assert "two years" in original.read_text()
        assert knowledge.mend() == 0
    assert (tmp_path / "new" / "models" / "reader" / "1" / "model.json").read_text() == "{}"


def test_what_lies_in_a_journal_is_in_the_backup(filled: Path, tmp_path: Path) -> None:
    with open_home(filled) as knowledge:  # its connections keep the journals
        (tmp_path / "b.md").write_text("# Late\n\nWritten last of all.")
        knowledge.ingest([tmp_path / "b.md"])
        backup(settings(filled), tmp_path / "home.tar")

    restore(settings(tmp_path / "new"), tmp_path / "home.tar")

    with open_home(tmp_path / "new") as knowledge:
        assert {info.title for info in knowledge.documents()} == {"Warranty", "Late"}


def test_a_home_that_holds_something_is_not_overwritten(filled: Path, tmp_path: Path) -> None:
    backup(settings(filled), tmp_path / "home.tar")

    with pytest.raises(UsageError, match="is not empty"):
        restore(settings(filled), tmp_path / "home.tar")
    with pytest.raises(UsageError, match="exists"):
        backup(settings(filled), tmp_path / "home.tar")


def test_a_home_in_use_is_not_copied(filled: Path, tmp_path: Path) -> None:
    with only_service(filled), pytest.raises(BusyError):
        backup(settings(filled), tmp_path / "home.tar")
    assert not list(tmp_path.glob("home.tar*"))


def test_a_damaged_file_restores_nothing(filled: Path, tmp_path: Path) -> None:
    file, odd = tmp_path / "home.tar", tmp_path / "odd.tar"
    backup(settings(filled), file)
    with tarfile.open(file) as whole, tarfile.open(odd, "w") as changed:
        for entry in whole:
            data = whole.extractfile(entry).read()  # type: ignore[union-attr]
            data = data.replace(b"two years", b"six years")
            changed.addfile(entry, io.BytesIO(data))
    cut = tmp_path / "cut.tar"
    cut.write_bytes(file.read_bytes()[:4000])

    for broken in (odd, cut):
        with pytest.raises(StorageError, match="no whole backup"):
            restore(settings(tmp_path / "new"), broken)
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["run"]


def test_an_archive_that_climbs_out_restores_nothing(tmp_path: Path) -> None:
    file = tmp_path / "evil.tar"
    with tarfile.open(file, "w") as archive:
        entry = tarfile.TarInfo("../outside.txt")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"evil"))

    with pytest.raises(StorageError, match="no whole backup"):
        restore(settings(tmp_path / "new"), file)
    assert not (tmp_path / "outside.txt").exists()
