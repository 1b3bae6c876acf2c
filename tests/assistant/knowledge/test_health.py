"""A store that is down is not waited for, and is noticed when it is back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.knowledge import health
from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.health import Health
from graphs.errors import StoreError
from tests.assistant.knowledge.shelf import FileStore, open_shelf


class Asked(FileStore):
    """Counts how often it is asked whether it lives; `looked` is set when somebody looks for it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked = 0
        self.looked = threading.Semaphore(0)

    def alive(self) -> bool:
        self.asked += 1
        return super().alive()

    def ready(self) -> bool:
        self.looked.release()
        return super().ready()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setattr(health, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(health, "TRUST_SECONDS", 0.0)
    return Asked(tmp_path / "store.json")


@pytest.fixture
def watched(store: Asked) -> Iterator[Health]:
    made = Health(store)
    yield made
    made.close()


def test_a_store_that_answers_is_used(watched: Health, store: Asked) -> None:
    watched.check()

    assert not watched.down
    assert store.asked == 1


def test_a_store_that_is_down_is_asked_once_and_then_looked_for(watched: Health, store: Asked) -> None:
    store.down = True
    for _ in range(5):
        with pytest.raises(StoreError, match="does not answer") as caught:
            watched.check()

    assert (store.asked, watched.down) == (1, True)
    assert caught.value.cure
    assert store.looked.acquire(timeout=10)


def test_a_store_that_came_back_is_used_again(watched: Health, store: Asked) -> None:
    store.down = True
    with pytest.raises(StoreError):
        watched.check()
    store.down = False
    looking = watched._looking
    assert looking
    looking.join(10)

    watched.check()

    assert not watched.down


def test_a_store_that_answered_lately_is_not_asked(store: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TRUST_SECONDS", 1000.0)
    watched = Health(store)
    watched.check()
    assert store.asked == 0


def test_a_search_does_not_reach_a_store_that_is_down(home: Path, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    (tmp_path / "a.md").write_text("# A\n\nThe code is 7.")
    monkeypatch.setattr(health, "TRUST_SECONDS", 0.0)
    with open_shelf(home) as knowledge:
        assert isinstance(knowledge, KnowledgeBase)
        assert isinstance(knowledge.store, FileStore)
        knowledge.ingest([tmp_path / "a.md"])
        monkeypatch.setattr(knowledge.store, "search", lambda *_: pytest.fail("the store was asked"))
        knowledge.store.down = True

        with pytest.raises(StoreError, match="does not answer"):
            knowledge.search("code")
