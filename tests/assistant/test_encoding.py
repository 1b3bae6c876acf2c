"""The embedding model fails while somebody asks: words stand in for it, and the answer says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.embeddings import Embeddings

from assistant.app import Assistant
from assistant.config import Settings
from assistant.database import open_database
from assistant.encoding import StandingIn
from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.model_change import remembered_identity
from assistant.providers.embedding import HashedWords
from assistant.records import Request
from assistant.stores import open_saver
from graphs.errors import ModelTimeoutError
from tests.assistant.home_fakes import WARRANTY, FakeResources, ListKnowledge
from tests.assistant.knowledge.shelf import open_shelf

QUESTION = "How long does the warranty last?"


class Remote(HashedWords):
    """A provider's model; `down` makes it time out."""

    down = False
    asked = 0

    def embed_query(self, text: str) -> list[float]:
        self.asked += 1
        if self.down:
            raise ModelTimeoutError("openai:small did not answer within 60 seconds.", "Try again.")
        return super().embed_query(text)


class Home(FakeResources):
    """A real knowledge base, embedded by a provider's model."""

    def __init__(self, settings: Settings, shelf: KnowledgeBase, model: Remote) -> None:
        super().__init__(settings, ListKnowledge())
        self.shelf, self.model = shelf, model

    def _load_embeddings(self) -> Embeddings:
        return self.model

    def _open_knowledge(self) -> KnowledgeBase:
        return self.shelf


@pytest.fixture
def model() -> Remote:
    return Remote()


@pytest.fixture
def assistant(home: Path, tmp_path: Path, model: Remote) -> Iterator[Assistant]:
    shelf = open_shelf(home)
    shelf.embeddings = shelf.indexer.embeddings = model
    for name, text in {"kettle.md": WARRANTY, "garden.md": "Roses are cut in spring, before the first leaves."}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    shelf.ingest([tmp_path / "kettle.md", tmp_path / "garden.md"])
    settings = Settings(home=home, models={"chat": "fake:reader", "embedding": "fake:words"})
    with Assistant(settings, Home(settings, shelf, model), open_database(settings), open_saver(settings)) as opened:
        opened.catalogue = shelf.catalogue
        yield opened


def test_documents_are_found_by_their_words_and_the_answer_says_why(assistant: Assistant, model: Remote) -> None:
    model.down = True

    answer = assistant.ask(Request(question=QUESTION))

    assert "24 months" in answer.text
    assert [Path(citation.source).name for citation in answer.citations] == ["kettle.md"]
    [notice] = answer.notices
    assert "by their words alone" in notice
    assert "openai:small did not answer" in notice


def test_what_no_document_says_is_not_said_by_words_either(assistant: Assistant, model: Remote) -> None:
    model.down = True

    answer = assistant.ask(Request(question="What does the blue kettle weigh?", path="rag"))

    assert answer.abstained
    assert any("by their words alone" in notice for notice in answer.notices)


def test_a_model_that_is_back_is_used_again(assistant: Assistant, model: Remote) -> None:
    model.down = True
    assistant.ask(Request(question=QUESTION))
    model.down, model.asked = False, 0

    answer = assistant.ask(Request(question=QUESTION))

    assert not any("by their words alone" in notice for notice in answer.notices)
    assert model.asked


def test_words_stand_in_for_the_rest_of_a_turn(model: Remote) -> None:
    encoder = StandingIn(model)
    assert encoder.embed_query("kettle") == HashedWords().embed_query("kettle")
    model.down = True
    near, far = encoder.embed_documents(["a kettle with a warranty", "roses in spring"])
    model.down, model.asked = False, 0

    asked = encoder.embed_query("the warranty of a kettle")

    assert model.asked == 0, "vectors of two kinds must not be compared"
    assert sum(a * b for a, b in zip(asked, near, strict=True)) > 0.5
    assert abs(sum(a * b for a, b in zip(asked, far, strict=True))) < 0.1


def test_a_home_remembers_how_long_the_vectors_of_a_model_out_of_reach_are(home: Path) -> None:
    class Unreachable(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise ModelTimeoutError("openai:small did not answer.", "Try again.")

        def embed_query(self, text: str) -> list[float]:
            raise ModelTimeoutError("openai:small did not answer.", "Try again.")

    settings = Settings(home=home, models={"embedding": "openai:small"})
    with pytest.raises(ModelTimeoutError):
        remembered_identity(settings, Unreachable())
    note = home / "store" / "model.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text('{"name": "openai:small", "fingerprint": "f", "dimensions": 1536}', encoding="utf-8")

    assert remembered_identity(settings, Unreachable())[1] == 1536
