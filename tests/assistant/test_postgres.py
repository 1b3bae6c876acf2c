"""Conversations, records and facts on a real Postgres: a cluster of its own, started on loopback as no one special."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from langchain_core.tools import StructuredTool

from assistant.app import Assistant
from assistant.config import Settings
from assistant.database import open_database
from assistant.records import Consent, Request
from graphs.errors import BusyError, SettingsError, StorageError
from graphs.tools.box import ToolBox
from tests.assistant.home_fakes import open_fake

QUESTION = "How long does the warranty last?"
_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
BIN = (_FOUND[-1] if _FOUND else Path(shutil.which("initdb") or "initdb").resolve()).parent
needs_postgres = pytest.mark.skipif(
    not (BIN / "initdb").is_file(), reason="no Postgres server: apt-get install postgresql"
)


class Cluster:
    """A Postgres of these tests alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self.user = "postgres" if os.getuid() == 0 else None  # Postgres refuses to run as root
        if self.user:
            shutil.chown(folder, self.user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.run("initdb", "-D", str(self.folder), "-U", "crossroads", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.start()

    def run(self, program: str, *arguments: str) -> None:
        command = [str(BIN / program), *arguments]
        subprocess.run(command, user=self.user, check=True, stdout=subprocess.DEVNULL, cwd=self.folder.parent)

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = str(self.folder.parent / "log")
        self.run("pg_ctl", "-D", str(self.folder), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder), "-w", "-m", "immediate", "stop")

    def url(self, name: str) -> str:
        return f"postgresql://crossroads@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="crossroads-postgres-") as folder:
        made = Cluster(Path(folder))
        yield made
        made.stop()


@pytest.fixture
def opened(cluster: Cluster, home: Path, request: pytest.FixtureRequest) -> Callable[[], Assistant]:
    """Opens an assistant on a database of this test."""
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    cluster.run("createdb", "-h", "127.0.0.1", "-p", str(cluster.port), "-U", "crossroads", name)
    return lambda: open_fake(home, database={"url": cluster.url(name)})


@needs_postgres
def test_conversations_and_facts_are_there_after_a_restart_and_go_on(
    opened: Callable[[], Assistant], home: Path
) -> None:
    with opened() as first:
        answer = first.ask(Request(question=QUESTION))
        first.facts.add("I work in Basel.")
    assert not (home / "threads.db").exists()
    assert not (home / "records.db").exists()
    with opened() as second:
        assert second.threads.turns(answer.thread_id)[0].answer == answer
        assert [fact.text for fact in second.facts.list()] == ["I work in Basel."]
        later = second.ask(Request(question="Do repairs extend the warranty?", thread_id=answer.thread_id))
        assert len(second.threads.turns(answer.thread_id)) == 2
        assert second.threads.list("repairs")[0].thread_id == later.thread_id
        kept = list(second._saver.list({"configurable": {"thread_id": answer.thread_id}}))
        assert len(kept) == 1  # of the checkpoints only the last
        second.threads.delete(answer.thread_id)
        assert second.threads.messages(answer.thread_id) == []


@needs_postgres
def test_services_of_two_homes_share_conversations_and_take_turns(
    opened: Callable[[], Assistant], cluster: Cluster, tmp_path: Path
) -> None:
    with opened() as first:
        url = first.settings.database.url
        with open_fake(tmp_path / "another", database={"url": url}) as second:
            thread_id = first.ask(Request(question=QUESTION)).thread_id
            release = first.threads.take(thread_id)
            with pytest.raises(BusyError, match="still being answered"):
                second.ask(Request(question=QUESTION, thread_id=thread_id))
            second.ask(Request(question=QUESTION))  # another conversation does not wait
            release()
            assert "24 months" in second.ask(Request(question=QUESTION, thread_id=thread_id)).text
            assert len(first.threads.turns(thread_id)) == 2


@needs_postgres
def test_consent_waits_in_postgres_too(opened: Callable[[], Assistant]) -> None:
    sent: list[str] = []

    def send_letter(to: str) -> str:
        """Send a letter to a person."""
        sent.append(to)
        return "sent"

    with opened() as first:
        first.tools._box = ToolBox([StructuredTool.from_function(send_letter)])
        waiting = first.ask(Request(question="Send a letter to a person: to: Ann"))
    with opened() as second:
        second.tools._box = ToolBox([StructuredTool.from_function(send_letter)])
        run = second.resume(Consent(thread_id=waiting.thread_id, approved=[waiting.pending[0].call_id]))
        list(run)
        assert run.error is None
    assert sent == ["Ann"]


@needs_postgres
def test_a_database_that_went_away_is_an_error_with_a_cure_and_the_conversation_goes_on_later(
    opened: Callable[[], Assistant], cluster: Cluster
) -> None:
    with opened() as assistant:
        thread_id = assistant.ask(Request(question=QUESTION)).thread_id
        cluster.stop()
        try:
            with pytest.raises(StorageError) as caught:
                assistant.ask(Request(question=QUESTION, thread_id=thread_id))
            assert caught.value.cure
        finally:
            cluster.start()
        assert "24 months" in assistant.ask(Request(question=QUESTION, thread_id=thread_id)).text


def test_an_address_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"database\.url"):
        open_database(Settings(home=tmp_path, database={"url": "somewhere"}))
