"""A loaded document is found by any name a user calls it."""

from types import SimpleNamespace
from typing import Any

import pytest

from assistant.knowledge.named import KnowledgeDocuments


def info(number: int, source: str, title: str) -> Any:
    return SimpleNamespace(document_id=f"d{number}", source=source, title=title, added=f"2026-01-0{number}")


@pytest.fixture
def documents() -> KnowledgeDocuments:
    infos = [
        info(1, "/files/Report 2026.pdf", "The year in numbers"),
        info(2, "C:\\files\\notes.docx", "Notes"),
        info(3, "/other/notes.md", "Notes"),
    ]
    knowledge: Any = SimpleNamespace(documents=lambda collection: infos if collection == "documents" else [])
    return KnowledgeDocuments(knowledge, "documents")


@pytest.mark.parametrize("name", ["report 2026.pdf", "Report 2026", "the YEAR in numbers", "/files/report 2026.pdf"])
def test_by_file_title_or_path(documents: KnowledgeDocuments, name: str) -> None:
    found = documents.named(name)
    assert found is not None
    assert (found.document_id, found.alike) == ("d1", 1)


def test_of_several_the_one_loaded_last(documents: KnowledgeDocuments) -> None:
    found = documents.named("notes")
    assert found is not None
    assert (found.document_id, found.alike) == ("d3", 2)


@pytest.mark.parametrize("name", ["report", "", "..."])
def test_no_other_name_is_taken_for_one(documents: KnowledgeDocuments, name: str) -> None:
    assert documents.named(name) is None
