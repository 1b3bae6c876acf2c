"""Ingests as jobs: seen by all, cancelled, gone on with after a kill; moved and deleted files followed; twins told."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.database import open_database
from assistant.knowledge.base import KnowledgeBase, Upload
from assistant.knowledge.jobs import Job, Jobs
from assistant.knowledge.types import IngestProgress, IngestReport
from graphs.errors import DocumentError, NotFoundError, StoreError
from tests.assistant.knowledge.shelf import FileStore, open_shelf

ROOT = Path(__file__).parents[3]


@pytest.fixture
def shelf(home: Path) -> Iterator[KnowledgeBase]:
    with open_shelf(home) as knowledge:
        yield knowledge


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    (made / "deep").mkdir(parents=True)
    for number in range(3):
        (made / f"{number}.md").write_text(f"# Note {number}\n\nThe code of gate {number} is {number * 7919}.")
    return made


def sources(knowledge: KnowledgeBase) -> list[str]:
    return sorted(Path(info.source).name for info in knowledge.documents())


def fine(job: Job, tell: object, stop: threading.Event) -> IngestReport:
    return IngestReport(documents=1)


def test_every_ingest_leaves_a_job(shelf: KnowledgeBase, folder: Path) -> None:
    shelf.ingest([folder])

    [job] = shelf.jobs.list()
    assert (job.state, job.finished, job.total, job.sources) == ("done", 3, 3, (str(folder),))
    assert job.report
    assert job.report["documents"] == 3


def test_a_queued_job_is_worked_on(shelf: KnowledgeBase, folder: Path) -> None:
    job = shelf.enqueue([str(folder)])
    assert (job.state, shelf.documents()) == ("queued", [])

    assert shelf.work() == 1

    assert shelf.jobs.get(job.job_id[:8]).state == "done"
    assert len(shelf.documents()) == 3
    assert shelf.work() == 0


def test_work_in_the_background_takes_what_comes(shelf: KnowledgeBase, folder: Path) -> None:
    done = threading.Event()
    run = shelf.jobs.run
    shelf.jobs.run = lambda *given, **named: (run(*given, **named), done.set())[0]  # type: ignore[method-assign]
    shelf.work_in_background()
    job = shelf.enqueue([str(folder)])

    assert done.wait(60)
    assert shelf.jobs.get(job.job_id).state == "done"


def test_a_waiting_job_is_cancelled_at_once(shelf: KnowledgeBase, folder: Path) -> None:
    job = shelf.enqueue([str(folder)])

    assert shelf.jobs.cancel(job.job_id).state == "cancelled"
    assert shelf.work() == 0
    assert shelf.jobs.retry(job.job_id).state == "queued"
    assert shelf.work() == 1


def test_a_running_job_is_cancelled_from_elsewhere(home: Path) -> None:
    engine = open_database(Settings(home=home))
    here, elsewhere = Jobs(engine), Jobs(engine)
    job = here.submit(["a"], "documents")

    def work(job: Job, tell: object, stop: threading.Event) -> IngestReport:
        assert elsewhere.get(job.job_id).state == "running"
        elsewhere.cancel(job.job_id)
        tell(IngestProgress("a", "read", "", 0, 1))  # type: ignore[operator]
        assert stop.is_set()
        return IngestReport()

    here.run(job, work)

    assert here.get(job.job_id).state == "cancelled"
    engine.dispose()


def test_a_job_is_done_by_one_process_only(home: Path) -> None:
    engine = open_database(Settings(home=home))
    jobs = Jobs(engine)
    job = jobs.submit(["a"], "documents")

    def work(job: Job, tell: object, stop: threading.Event) -> IngestReport:
        assert jobs.run(job, fine) is None
        return IngestReport()

    assert jobs.run(job, work) is not None
    engine.dispose()


def test_a_failure_stays_with_its_job(home: Path) -> None:
    engine = open_database(Settings(home=home))
    jobs = Jobs(engine)
    job = jobs.submit(["a"], "documents")

    def work(job: Job, tell: object, stop: threading.Event) -> IngestReport:
        raise DocumentError("The file is odd.", "Mend it.")

    with pytest.raises(DocumentError):
        jobs.run(job, work)

    assert jobs.get(job.job_id).state == "failed"
    assert "The file is odd." in jobs.get(job.job_id).error
    engine.dispose()


def test_an_unknown_job_is_an_error(shelf: KnowledgeBase) -> None:
    with pytest.raises(NotFoundError, match="'nobody'"):
        shelf.jobs.cancel("nobody")


KILLED = """
import os, sys
from pathlib import Path
from tests.assistant.knowledge.shelf import open_shelf

knowledge = open_shelf(Path(sys.argv[1]))
knowledge.ingest([sys.argv[2]], on_progress=lambda step: step.state == "done" and os._exit(9))
"""


def test_a_killed_job_is_gone_on_with(home: Path, folder: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(home), str(folder)]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=120).returncode == 9
    with open_shelf(home) as knowledge:
        [job] = knowledge.jobs.list()
        assert job.state == "queued"
        assert knowledge.work() == 1
        assert len(knowledge.documents()) == 3
        assert knowledge.store.count("documents") == knowledge.stats().chunks
        report = knowledge.jobs.get(job.job_id).report
        assert report
        assert report["unchanged"] == 1


def test_interrupted_uploads_say_that_they_cannot_be_gone_on_with(shelf: KnowledgeBase) -> None:
    job = shelf.jobs.submit(["a.md"], "documents", again=False)
    with shelf.catalogue.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ingest_jobs SET state = 'running', owner = '999999 long ago'")

    assert shelf.jobs.get(job.job_id).state == "failed"
    assert "Add the files again" in shelf.jobs.get(job.job_id).error


def test_a_store_that_is_down_leaves_the_job_waiting(shelf: KnowledgeBase, folder: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("assistant.knowledge.indexing._STORE_PATIENCE", 0.05)
    assert isinstance(shelf.store, FileStore)
    job = shelf.enqueue([str(folder)])
    shelf.store.down = True
    with pytest.raises(StoreError):
        shelf.work()
    assert shelf.jobs.get(job.job_id).state == "queued"

    shelf.store.down = False

    assert shelf.work() == 1
    assert len(shelf.documents()) == 3


def test_a_moved_file_keeps_its_vectors(shelf: KnowledgeBase, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.ingest([folder])
    (folder / "0.md").rename(folder / "deep" / "renamed.md")
    embedded: list[int] = []
    plain = shelf.indexer.embed
    monkeypatch.setattr(shelf.indexer, "embed", lambda chunks, *rest: (embedded.append(len(chunks)),
                                                                       plain(chunks, *rest))[1])  # fmt: skip

    report = shelf.ingest([folder])

    assert (report.documents, report.moved, report.unchanged, sum(embedded)) == (1, 1, 2, 0)
    assert sources(shelf) == ["1.md", "2.md", "renamed.md"]
    assert {hit.chunk.title for hit in shelf.search("code of gate 0", k=1)} == {"Note 0"}
    assert shelf.store.count("documents") == shelf.stats().chunks == 3


def test_a_copied_file_is_another_document(shelf: KnowledgeBase, folder: Path) -> None:
    shelf.ingest([folder])
    (folder / "copy.md").write_text((folder / "0.md").read_text())

    report = shelf.ingest([folder])

    assert (report.moved, len(shelf.documents())) == (0, 4)


def test_deleted_files_are_followed_where_that_is_asked(shelf: KnowledgeBase, folder: Path) -> None:
    shelf.ingest([folder])
    (folder / "1.md").unlink()

    assert shelf.ingest([folder]).deleted == 0
    assert len(shelf.documents()) == 3
    assert shelf.ingest([folder], follow=True).deleted == 1
    assert sources(shelf) == ["0.md", "2.md"]


def test_a_folder_that_is_not_there_deletes_nothing(shelf: KnowledgeBase, folder: Path, tmp_path: Path) -> None:
    shelf.ingest([folder])
    folder.rename(tmp_path / "elsewhere")

    assert shelf.ingest([folder], follow=True).deleted == 0
    folder.mkdir()
    assert shelf.ingest([folder], follow=True).deleted == 0
    assert len(shelf.documents()) == 3


def test_another_folder_with_the_same_beginning_is_left_alone(
    shelf: KnowledgeBase, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "docs_other"
    other.mkdir()
    (other / "x.md").write_text("# X\n\nThe other folder's note.")
    shelf.ingest([folder, other])
    (other / "x.md").unlink()

    assert shelf.ingest([folder], follow=True).deleted == 0
    assert shelf.forget([str(other / "x.md")]) == [str(other / "x.md")]


def test_a_near_duplicate_is_told(shelf: KnowledgeBase, tmp_path: Path) -> None:
    text = " ".join(
        f"Clause {number} binds the tenant to pay {number * 13} euro by day {number}." for number in range(60)
    )
    (tmp_path / "a.md").write_text(f"# Lease\n\n{text}")
    (tmp_path / "b.md").write_text(f"# Lease\n\n{text} Signed in May.")
    (tmp_path / "c.md").write_text("# Cats\n\nCats sleep for most of the day and hunt at dusk and dawn.")

    report = shelf.ingest([tmp_path / "a.md", tmp_path / "c.md", tmp_path / "b.md"])

    [alike] = report.similar
    assert (Path(alike.source).name, Path(alike.like).name) == ("b.md", "a.md")
    assert alike.share >= 0.8
    assert len(shelf.documents()) == 3


def test_uploads_are_jobs_too(shelf: KnowledgeBase, folder: Path) -> None:
    shelf.ingest([Upload("mine.md", folder / "0.md")])

    assert [job.sources for job in shelf.jobs.list()] == [("mine.md",)]
