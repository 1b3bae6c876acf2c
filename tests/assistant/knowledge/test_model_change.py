"""Another embedding model: the old vectors answer until the last document is embedded anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.database import open_database
from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.catalogue import Catalogue
from assistant.knowledge.model_change import begin_change
from assistant.knowledge.stores import open_store
from assistant.providers.embedding import HashedWords

pytest.importorskip("faiss", reason="FAISS is not installed: the extra `faiss`")


class Model(HashedWords):
    """Embeds by words, in a space of its own."""

    def __init__(self, name: str) -> None:
        super().__init__(dimensions={"fake:old": 96, "fake:new": 160}[name])
        self.fingerprint = name


def open_with(home: Path, name: str) -> KnowledgeBase:
    """A knowledge base as `open_knowledge` makes it, without its thread: `mend` is called by the test."""
    settings = Settings(home=home, models={"embedding": name}, store={"kind": "faiss"})
    model = Model(name)
    store = open_store(settings, fingerprint=model.fingerprint, dimensions=model.dimensions)
    knowledge = KnowledgeBase(settings, Catalogue(open_database(settings)), store, model)
    knowledge.change = begin_change(settings, knowledge.indexer)
    return knowledge


@pytest.fixture
def filled(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("assistant.providers.embeddings", lambda name, settings: Model(name))
    for number in range(4):
        (tmp_path / f"{number}.md").write_text(f"# Gate {number}\n\nThe code of gate {number} is {number * 7919}.")
    with open_with(home, "fake:old") as knowledge:
        assert knowledge.change is None
        knowledge.ingest(sorted(tmp_path.glob("*.md")))
    return home


def found(knowledge: KnowledgeBase) -> set[str]:
    return {hit.chunk.title for hit in knowledge.search("code of gate", k=9)}


EVERY = {f"Gate {number}" for number in range(4)}


def test_the_old_vectors_answer_until_all_are_new(filled: Path) -> None:
    with open_with(filled, "fake:new") as knowledge:
        assert knowledge.change is not None
        assert (found(knowledge), knowledge.store.count("documents")) == (EVERY, 0)

        knowledge._mend_quietly()

        assert (found(knowledge), knowledge.store.count("documents")) == (EVERY, 4)
        assert knowledge.change.store.count("documents") == 0
    with open_with(filled, "fake:new") as knowledge:
        assert knowledge.change is None
        assert found(knowledge) == EVERY


def test_a_change_that_was_stopped_is_gone_on_with(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_with(filled, "fake:new") as knowledge:
        tasks = knowledge.catalogue.unfinished(knowledge.indexer.indexed)
        knowledge.indexer._index_again(tasks[0], knowledge._closing)
        assert found(knowledge) == EVERY
    with open_with(filled, "fake:new") as knowledge:
        assert knowledge.change is not None
        assert found(knowledge) == EVERY
        assert len(knowledge.catalogue.unfinished(knowledge.indexer.indexed)) == 3
        knowledge._mend_quietly()
        assert (found(knowledge), knowledge.store.count("documents")) == (EVERY, 4)


def test_changing_back_costs_nothing(filled: Path) -> None:
    with open_with(filled, "fake:new"):
        pass
    with open_with(filled, "fake:old") as knowledge:
        assert knowledge.change is None
        assert knowledge.catalogue.unfinished(knowledge.indexer.indexed) == []
        assert found(knowledge) == EVERY


def test_a_deleted_document_is_gone_from_both(filled: Path) -> None:
    with open_with(filled, "fake:new") as knowledge:
        knowledge.delete(knowledge.documents()[0].document_id)

        assert len(found(knowledge)) == 3
        knowledge._mend_quietly()
        assert len(found(knowledge)) == 3
        assert knowledge.store.count("documents") == 3
