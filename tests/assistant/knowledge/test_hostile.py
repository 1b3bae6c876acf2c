"""A file that attacks its reader costs itself alone: it is refused by name, and its neighbours are loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant.knowledge.loaders.pool import Pool
from graphs.errors import DocumentError
from tests.assistant.knowledge.hostile_files import HARMLESS, HOSTILE, LARGE
from tests.assistant.knowledge.shelf import open_shelf


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(1)
    yield pool
    pool.close()


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in LARGE])
def test_it_is_refused_by_name_and_with_a_cure(pool: Pool, name: str) -> None:
    with pytest.raises(DocumentError) as refused:
        pool.load(HOSTILE[name](), name)
    assert repr(name) in refused.value.message
    assert refused.value.cure.endswith((".", ")"))


@pytest.mark.parametrize("name", [name for name in HARMLESS if name not in LARGE])
def test_what_only_looks_dangerous_ends_well(pool: Pool, name: str) -> None:
    outcome = ""
    try:
        outcome = pool.load(HARMLESS[name](), name).text.strip()
    except DocumentError as error:
        outcome = error.message if repr(name) in error.message else ""
    assert outcome


def test_memory_is_bounded() -> None:
    with closing(Pool(1, memory_mb=1)) as pool:
        with pytest.raises(DocumentError, match="memory"):
            pool.load(b"[" + b"{}," * 500_000 + b"{}]", "large.json")
        assert pool.load(b'{"small": 1}', "small.json").text == "small: 1"


def test_neighbours_of_hostile_files_are_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number, name in enumerate(("laughs.docx", "deep.json", "climbs-out.docx", "cut.pdf")):
        (folder / name).write_bytes(HOSTILE[name]())
        (folder / f"good-{number}.md").write_text(f"# Good {number}\n\nA sentence.\n")
    with open_shelf(tmp_path / "home") as shelf:
        report = shelf.ingest([folder])
    assert (report.documents, len(report.failed)) == (4, 4)


def test_a_link_out_of_the_folder_is_followed_to_no_document_outside(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("The secret is out.")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "good.txt").write_text("A sentence.")
    os.symlink(tmp_path / "secret.txt", folder / "link.txt")
    os.symlink(tmp_path, folder / "up")
    os.symlink(folder, folder / "loop")
    with open_shelf(tmp_path / "home") as shelf:
        report = shelf.ingest([folder])
        assert [Path(info.source).name for info in shelf.documents()] == ["good.txt"]
    assert [failure.source for failure in report.failed] == [str(folder / "link.txt")]


def test_nothing_was_unpacked_to_disk(pool: Pool) -> None:
    with pytest.raises(DocumentError, match="leads out of the archive"):
        pool.load(HOSTILE["climbs-out.docx"](), "climbs-out.docx")
    assert not Path("/etc/owned.xml").exists()
