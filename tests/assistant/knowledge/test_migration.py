"""From one store to another: nothing lost, nothing embedded anew, and gone on with after a stop."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.database import open_database
from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.catalogue import Catalogue
from assistant.knowledge.indexing import identity
from assistant.knowledge.migration import migrate
from assistant.knowledge.stores import choose, open_store
from assistant.providers.embedding import HashedWords
from graphs.errors import StoreError, UsageError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("faiss") is None or importlib.util.find_spec("chromadb") is None,
    reason="FAISS or Chroma is not installed: the extras `faiss` and `chroma`",
)


class Once(HashedWords):
    """Embeds documents only while it is told to."""

    allowed = True

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        assert self.allowed or len(texts) == 1, "documents were embedded anew"
        return super().embed_documents(texts)


def open_home(home: Path, model: HashedWords) -> KnowledgeBase:
    settings = Settings(home=home)
    fingerprint, dimensions = identity(model)
    store = open_store(settings, fingerprint=fingerprint, dimensions=dimensions)
    return KnowledgeBase(settings, Catalogue(open_database(settings)), store, model)


@pytest.fixture
def model() -> Once:
    return Once()


@pytest.fixture
def home_in_faiss(home: Path, tmp_path: Path, model: Once) -> Path:
    (home / "store").mkdir(parents=True)
    (home / "store" / "kind.json").write_text('{"kind": "faiss"}')
    for number in range(5):
        words = " ".join(f"Sentence {line} of note {number} is here." for line in range(90))
        (tmp_path / f"{number}.md").write_text(f"# Note {number}\n\n{words}")
    with open_home(home, model) as knowledge:
        knowledge.ingest(sorted(tmp_path.glob("*.md")))
        knowledge.ingest([tmp_path / "0.md"], "other")
    model.allowed = False
    return home


def _rows(knowledge: KnowledgeBase) -> list[str]:
    rows = []
    for info in knowledge.documents():
        ids = sorted(knowledge.store.chunk_ids(info.collection, info.document_id))
        held = knowledge.store.get(info.collection, ids)
        for name in ids:
            chunk, vector = held[name]
            rows.append(f"{info.collection} {chunk} {[round(float(x), 4) + 0.0 for x in vector[:9]]}")
    return sorted(rows)


def test_nothing_is_lost_on_the_way_there_and_back(home_in_faiss: Path, model: Once) -> None:
    with open_home(home_in_faiss, model) as knowledge:
        before = _rows(knowledge)

    done = migrate(Settings(home=home_in_faiss), model, "chroma", delete_old=True)

    assert (done.documents, done.copied, done.source, done.target, done.setting) == (6, 6, "faiss", "chroma", "")
    with open_home(home_in_faiss, model) as knowledge:
        assert knowledge.store.kind == "chroma"
        assert _rows(knowledge) == before
        assert knowledge.mend() == 0
    migrate(Settings(home=home_in_faiss), model, "faiss")
    with open_home(home_in_faiss, model) as knowledge:
        assert (knowledge.store.kind, _rows(knowledge)) == ("faiss", before)


def test_a_migration_that_was_stopped_goes_on(home_in_faiss: Path, model: Once) -> None:
    def stop(number: int, total: int, source: str) -> None:
        if number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(Settings(home=home_in_faiss), model, "chroma", tell=stop)
    assert choose(Settings(home=home_in_faiss)) == "faiss"

    assert migrate(Settings(home=home_in_faiss), model, "chroma").copied == 3
    assert choose(Settings(home=home_in_faiss)) == "chroma"


def test_where_chunks_are_missing_nothing_changes_over(home_in_faiss: Path, model: Once) -> None:
    with open_home(home_in_faiss, model) as knowledge:
        knowledge.store.remove("other", knowledge.documents("other")[0].document_id)

    with pytest.raises(StoreError, match="holds 0 of"):
        migrate(Settings(home=home_in_faiss), model, "chroma")
    assert choose(Settings(home=home_in_faiss)) == "faiss"


@pytest.mark.parametrize(("to", "message"), [("faiss", "in faiss already"), ("redis", "no store 'redis'")])
def test_a_target_that_is_none_is_refused(home_in_faiss: Path, model: Once, to: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        migrate(Settings(home=home_in_faiss), model, to)
