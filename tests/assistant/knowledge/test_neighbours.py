"""Passages are read with their neighbours: wider, and still exact spans of their document and page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.assistant.knowledge.files import pdf
from tests.assistant.knowledge.shelf import open_shelf

TEXT = " ".join(f"Sentence number {number} says something." for number in range(200))


@pytest.mark.parametrize("tokens", [0, 5, 40])
def test_a_passage_grows_on_both_sides_and_stays_exact(tmp_path: Path, tokens: int) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    with open_shelf(tmp_path / "home", chunk_tokens=32, chunk_overlap=0, context_tokens=tokens) as shelf:
        shelf.ingest([tmp_path / "a.txt"])
        found = shelf.search("number 77", k=1)
        document = shelf.retriever(k=1).invoke("number 77")[0]
    start, end = document.metadata["start"], document.metadata["end"]
    assert TEXT[start:end] == document.page_content
    grown = (found[0].chunk.start - start, end - found[0].chunk.end)
    assert (grown == (0, 0)) == (tokens == 0)
    assert all(0 <= amount <= 12 * tokens for amount in grown)


def test_a_passage_stays_on_its_page(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("First page.", "Second page.", "Third page."))
    with open_shelf(tmp_path / "home", context_tokens=50) as shelf:
        shelf.ingest([tmp_path / "a.pdf"])
        documents = shelf.retriever(k=3).invoke("page")
    assert {document.page_content.strip() for document in documents} == {"First page.", "Second page.", "Third page."}
