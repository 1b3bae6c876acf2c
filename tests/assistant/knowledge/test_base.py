"""The knowledge base from outside: deleting, collections, retriever, and a store that was changed or lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.indexing import identity
from assistant.providers.embedding import HashedWords
from graphs.answer import Passage
from graphs.errors import NotFoundError, UsageError
from tests.assistant.knowledge.shelf import open_shelf


@pytest.fixture
def shelf(home: Path, tmp_path: Path) -> Iterator[KnowledgeBase]:
    (tmp_path / "a.md").write_text("# Warranty\n\nThe warranty lasts two years.")
    (tmp_path / "b.md").write_text("# Hours\n\nThe library opens at nine.")
    with open_shelf(home) as knowledge:
        knowledge.ingest([tmp_path / "a.md", tmp_path / "b.md"])
        knowledge.ingest([tmp_path / "b.md"], collection="other")
        yield knowledge


def id_of(knowledge: KnowledgeBase, title: str, collection: str = "documents") -> str:
    return next(info.document_id for info in knowledge.documents(collection) if info.title == title)


def test_deleting_deletes_from_catalogue_store_and_disk(shelf: KnowledgeBase) -> None:
    document_id = id_of(shelf, "Warranty")
    original = shelf.original(document_id)
    assert shelf.delete(document_id) == 1
    assert shelf.store.chunk_ids("documents", document_id) == set()
    assert original is not None
    assert not original.exists()
    with pytest.raises(NotFoundError):
        shelf.document(document_id)


def test_an_original_two_documents_share_stays_for_the_other(shelf: KnowledgeBase) -> None:
    shelf.delete(collection="other")
    original = shelf.original(id_of(shelf, "Hours"))
    assert original is not None


def test_deleting_by_source_leaves_other_collections_alone(shelf: KnowledgeBase, tmp_path: Path) -> None:
    assert shelf.delete(source=str(tmp_path / "b.md"), collection="other") == 1
    assert shelf.stats().collections == {"documents": 2}


def test_deleting_a_collection(shelf: KnowledgeBase) -> None:
    assert shelf.delete(collection="documents") == 2
    assert shelf.stats().collections == {"other": 1}
    assert shelf.store.count("documents") == 0


def test_deleting_what_is_not_there_says_so(shelf: KnowledgeBase) -> None:
    with pytest.raises(NotFoundError, match="'nobody'"):
        shelf.delete("nobody")


def test_deleting_nothing_in_particular_is_refused(shelf: KnowledgeBase) -> None:
    with pytest.raises(UsageError):
        shelf.delete()


def test_a_collection_with_an_impossible_name_is_refused(shelf: KnowledgeBase) -> None:
    with pytest.raises(UsageError, match=r"'\.\./x'"):
        shelf.search("warranty", "../x")


def test_the_retriever_brings_every_field_of_a_passage(shelf: KnowledgeBase) -> None:
    found = shelf.retriever().invoke("How long is the warranty?")[0]
    passage = Passage(text=found.page_content, **found.metadata)
    assert set(found.metadata) == set(Passage.model_fields) - {"text"}
    assert (passage.title, passage.heading) == ("Warranty", "Warranty")


def test_an_empty_question_finds_nothing(shelf: KnowledgeBase) -> None:
    assert shelf.search("  ") == []


def test_the_same_text_is_found_once(shelf: KnowledgeBase, tmp_path: Path) -> None:
    (tmp_path / "copy.md").write_text((tmp_path / "a.md").read_text())
    shelf.ingest([tmp_path / "copy.md"])
    texts = [hit.chunk.text for hit in shelf.search("warranty", k=5)]
    assert len(texts) == len(set(texts)) == 2


def test_chunks_of_a_document_that_is_being_deleted_are_not_found(shelf: KnowledgeBase) -> None:
    shelf.catalogue.mark_deleting(document_id=id_of(shelf, "Warranty"))
    assert [hit.chunk.title for hit in shelf.search("warranty", k=1)] == ["Hours"]


def test_a_lost_store_is_filled_again_from_the_catalogue(shelf: KnowledgeBase) -> None:
    before = {hit.chunk.chunk_id for hit in shelf.search("warranty hours", k=9)}
    shelf.store.drop("documents")
    assert shelf.mend() == 2
    assert {hit.chunk.chunk_id for hit in shelf.search("warranty hours", k=9)} == before


def test_other_chunk_sizes_split_every_document_again(shelf: KnowledgeBase, home: Path, tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("A sentence of some words. " * 100)
    shelf.ingest([tmp_path / "long.md"])
    with open_shelf(home, chunk_tokens=40, chunk_overlap=0) as smaller:
        assert smaller.mend() == 4
        document_id = id_of(smaller, "long.md")
        chunks = next(info.chunks for info in smaller.documents() if info.document_id == document_id)
        assert len(smaller.store.chunk_ids("documents", document_id)) == chunks > 10


def test_nothing_to_mend_touches_nothing(shelf: KnowledgeBase) -> None:
    assert shelf.mend() == 0


def test_two_embedding_models_have_two_names() -> None:
    class Named(HashedWords):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    assert identity(Named("openai:small")) != identity(Named("openai:large"))
