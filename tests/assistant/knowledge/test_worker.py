"""Parsing in another process: what goes wrong there costs one file."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from assistant.knowledge.loaders import load
from assistant.knowledge.loaders.worker import Worker
from graphs.errors import Cancelled, DocumentError
from tests.assistant.knowledge.files import pdf


@pytest.fixture
def worker() -> Worker:
    return Worker()


def test_it_gives_what_the_loader_gives(worker: Worker) -> None:
    data = pdf("First page.", "Second page.")
    assert worker.load(data, "a.pdf") == load(data, "a.pdf")
    worker.close()


def test_a_refusal_arrives_with_its_cure(worker: Worker) -> None:
    with pytest.raises(DocumentError, match=r"'a\.pdf' is encrypted") as refused:
        worker.load(pdf("A page.", password="secret"), "a.pdf")
    assert "without a password" in refused.value.cure
    worker.close()


def test_a_file_that_takes_too_long_is_given_up() -> None:
    worker = Worker(seconds=0.0)
    with pytest.raises(DocumentError, match=r"'a\.pdf' took longer"):
        worker.load(pdf("A page."), "a.pdf")
    worker.close()


def test_a_dead_parser_costs_one_file(worker: Worker) -> None:
    worker.load(pdf("A page."), "first.pdf")
    process = worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)  # it takes the next file and dies over it
    threading.Timer(0.3, process.kill).start()
    with pytest.raises(DocumentError, match=r"'bad\.pdf' could not be read"):
        worker.load(pdf("A page."), "bad.pdf")
    assert worker.load(pdf("A page."), "next.pdf").title == "next.pdf"
    worker.close()


def test_cancel_stops_it(worker: Worker) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        worker.load(pdf("A page."), "a.pdf", cancel=cancel)
    assert worker._process is None
