"""Questions in parts, hits that differ, filters in a person's words, and the second look at the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.filters import Filters, filters_from
from assistant.knowledge.search import diverse, merged, parts, reranked, rewritten
from assistant.knowledge.types import Chunk, DocumentInfo, Hit
from graphs.errors import UsageError
from tests.assistant.knowledge.shelf import open_shelf


def hit(name: str, score: float, *vector: float) -> Hit:
    own = np.asarray(vector or (1.0, 0.0), dtype=np.float32)
    return Hit(Chunk(name, "d", "s", "t", f"text {name}", 0, 1), score, 0.5, vector=own)


def names(hits: Sequence[Hit]) -> list[str]:
    return [one.chunk.chunk_id for one in hits]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How long is the warranty?", []),
        ("How long is it? Who pays for the repair?", ["How long is it?", "Who pays for the repair?"]),
        ("Where is the office and when does it open?", ["Where is the office", "when does it open?"]),
        (
            "Which came to market first, Poleconomy or Hey Pa?",
            ["Which came to market first Poleconomy", "Which came to market first Hey Pa"],
        ),
        ("What is the difference between LoRA and DoRA?", ["What is the difference between LoRA",
                                                           "What is the difference between DoRA"]),
        ("research and development costs", []),
        ("", []),
    ],
)  # fmt: skip
def test_a_question_is_told_in_its_parts(question: str, expected: list[str]) -> None:
    assert parts(question) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Hi, can you tell me how long the warranty is?", "how long the warranty is?"),
        ("What does it say about late fees?", "late fees?"),
        ("Tell me more", "Tell me more"),
        ("How long is the warranty?", "How long is the warranty?"),
    ],
)
def test_small_talk_is_left_out(question: str, expected: str) -> None:
    assert rewritten(question) == expected


def test_of_two_that_say_the_same_the_second_waits() -> None:
    hits = [hit("a", 1.0, 1, 0), hit("twin", 0.9, 1, 0), hit("other", 0.6, 0, 1)]

    assert names(diverse(hits, 2, 0.5)) == ["a", "other"]
    assert names(diverse(hits, 2, 0.01)) == ["a", "twin"]
    assert names(diverse([], 2, 0.5)) == []


def test_parts_add_to_the_whole_question() -> None:
    whole, part = [hit("a", 1.0), hit("b", 0.5)], [hit("c", 1.0), hit("b", 0.9)]

    found = merged([whole, part])

    assert names(found) == ["a", "b", "c"]
    assert found[1].score == pytest.approx((0.5 + 0.45) / 1.5)


def test_a_reranker_has_the_last_word() -> None:
    class ByLength:
        def score(self, question: str, texts: Sequence[str]) -> list[float]:
            return [float(text == "text b") for text in texts]

    assert names(reranked(ByLength(), "?", [hit("a", 1.0), hit("b", 0.1)])) == ["b", "a"]
    assert reranked(ByLength(), "?", []) == []


def info(**others: str) -> DocumentInfo:
    known = {"document_id": "d1", "collection": "documents", "source": "/docs/handbooks/a.pdf", "title": "The Handbook"}
    rest = {"media_type": "application/pdf", "sha256": "", "added": "2026-03-05T10:00:00+00:00"}
    metadata = {"authors": ["Charles Babbage", "Ada Lovelace"]} if not others else {"authors": "Ada Babbage"}
    made = {**known, **rest, **others}
    return DocumentInfo(**made, characters=1, chunks=1, metadata=metadata)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wanted",
    [
        {"document": "d1"},
        {"document": "/docs/handbooks/a.pdf"},
        {"source": "*/handbooks/*"},
        {"source": "a.*"},
        {"title": "handbook"},
        {"author": "lovelace"},
        {"author": "Ada Lovelace"},
        {"format": "pdf"},
        {"format": "application/pdf"},
        {"after": "2026-03-05", "before": "2026-03-05"},
    ],
)
def test_a_document_fits_its_filter(wanted: dict[str, str]) -> None:
    other = info(document_id="d2", source="/x/b.md", media_type="text/markdown", title="Notes", added="2025-01-01")

    assert Filters(**wanted).where([info(), other]).documents == {"d1"}


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ({"created": "2019-05-04T10:00:00", "modified": "2020-01-01"}, "2019-05-04"),
        ({"created": "some time", "modified": "2020-02"}, "2020-02-01"),
        ({"created": "2001"}, "2001-01-01"),
        ({}, "2026-03-05"),
    ],
    ids=str,
)
def test_a_document_is_of_the_day_it_names(said: dict[str, str], day: str) -> None:
    one = replace(info(), metadata=said)

    assert Filters(after=day, before=day).where([one]).documents == {"d1"}


def test_no_document_may_fit() -> None:
    assert Filters(source="*.docx").where([info()]).documents == frozenset()
    assert Filters(author="Charles Lovelace").where([info()]).documents == frozenset(), "two people, not one"


def test_a_filter_of_headings_leaves_the_documents() -> None:
    where = Filters(heading="Prices", pages="3-5").where([info()])

    assert (where.documents, where.heading, where.pages) == (None, "Prices", (3, 5))


@pytest.mark.parametrize(
    "wanted", [{"after": "yesterday"}, {"pages": "x"}, {"pages": "5-3"}, {"colour": "red"}], ids=str
)
def test_a_filter_that_cannot_be_read_is_refused(wanted: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        filters_from(wanted).where([info()])

    assert caught.value.cure


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    folder: Path = tmp_path_factory.mktemp("filtered")
    (folder / "a.md").write_text("# Prices\n\nA ticket costs four euro.")
    (folder / "b.txt").write_text("A ticket costs nine euro.")
    with open_shelf(folder / "home") as knowledge:
        knowledge.ingest([folder / "a.md", folder / "b.txt"])
        yield knowledge


def test_a_search_keeps_to_the_documents_that_fit(shelf: KnowledgeBase) -> None:
    found = shelf.search("What does a ticket cost?", filters=Filters(format="txt"))

    assert [one.chunk.text for one in found] == ["A ticket costs nine euro."]
    assert len(shelf.search("What does a ticket cost?")) == 2
    assert shelf.search("What does a ticket cost?", filters=Filters(source="*.pdf")) == []
