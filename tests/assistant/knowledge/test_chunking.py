"""Chunks are exact spans, cover everything, keep to their size, and say where they stand."""

from __future__ import annotations

import gzip
import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

from assistant.knowledge.chunking import Sizes, approximate_token_starts, split
from assistant.knowledge.loaders import load
from assistant.knowledge.types import Chunk, Loaded, Page
from tests.assistant.knowledge.files import pdf

ID = "12345678-1234-5678-1234-567812345678"
SIZES = Sizes(tokens=40, overlap=8)
KINDS = ("text/markdown", "text/plain", "text/csv")
PIECES = (
    "# Top\n", "## Part *one*\n", "### Deep\n", "Title\n=====\n", "A sentence of words. ", "  ", "\t", "\n", "\n\n",
    "Is it? Yes! “Quoted.” Next. ", "e.g. this, i.e. Dr. No. ", "\r\n", "```python\ndef f():\n    return 1\n```\n",
    "~~~\nopen fence\n", "- item one\n- item two\n", "1. first\n2. second\n", "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "x" * 700, "字" * 300, "保証は二年です。", "👩‍👩‍👧 ", "---\ntitle: T\n---\n", "&amp; <b>bold</b> ",
    "\f", "a\u00a0b ",
)  # fmt: skip


def chunks_of(text: str, media_type: str = "text/markdown", sizes: Sizes = SIZES) -> list[Chunk]:
    return split(Loaded(text, "T", media_type), ID, "s", sizes, approximate_token_starts)


def texts() -> list[str]:
    chance = random.Random(7)  # noqa: S311  # which pieces meet, not a secret
    return ["".join(chance.choices(PIECES, k=chance.randint(1, 60))) for _ in range(150)]


def assert_covers(text: str, chunks: list[Chunk]) -> None:
    covered = bytearray(len(text))
    for chunk in chunks:
        covered[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
    missing = [text[index] for index, seen in enumerate(covered) if not seen and not text[index].isspace()]
    assert missing == []


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_are_exact_spans(kind: str) -> None:
    for text in texts():
        assert all(text[chunk.start : chunk.end] == chunk.text != "" for chunk in chunks_of(text, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_everything_but_white_space_is_in_some_chunk(kind: str) -> None:
    for text in texts():
        assert_covers(text, chunks_of(text, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_no_chunk_is_larger_than_allowed(kind: str) -> None:
    sizes = [len(approximate_token_starts(chunk.text)) for text in texts() for chunk in chunks_of(text, kind)]
    assert max(sizes) <= SIZES.most


def test_ids_are_the_same_every_time_and_never_twice() -> None:
    for text in texts():
        ids = [chunk.chunk_id for chunk in chunks_of(text)]
        assert ids == [chunk.chunk_id for chunk in chunks_of(text)]
        assert len(set(ids)) == len(ids)


def test_a_chunk_knows_its_headings() -> None:
    text = "# Warranty\n\n" + "Much is said here. " * 12 + "\n\n## Duration {#d}\n\nTwo years. " + "More follows. " * 12
    assert {chunk.heading for chunk in chunks_of(text)} == {"Warranty", "Warranty › Duration"}


def test_a_heading_goes_with_what_follows_it() -> None:
    text = "# One\n\n" + "Some words here. " * 10 + "\n\n# Two\n\n" + "Other words there. " * 10
    second = next(chunk for chunk in chunks_of(text) if "# Two" in chunk.text)
    assert second.text.startswith("# Two\n\nOther words")


def test_a_code_block_that_fits_stays_whole() -> None:
    code = "```\n" + "call(one, two)\n" * 5 + "```"
    text = "Words before it. " * 6 + "\n\n" + code + "\n\n" + "Words after it. " * 6
    assert sum(code in chunk.text for chunk in chunks_of(text)) == 1


def test_a_hash_in_code_is_no_heading() -> None:
    assert {chunk.heading for chunk in chunks_of("# Real\n\n```sh\n# comment\nls\n```\n")} == {"Real"}


def test_chunks_of_one_section_overlap_by_whole_sentences() -> None:
    text = " ".join(f"Sentence number {number} is here." for number in range(40))
    chunks = chunks_of(text, "text/plain")
    for left, right in pairwise(chunks):
        shared = text[right.start : left.end]
        assert shared.startswith("Sentence")
        assert shared.endswith(".")


def test_sentences_do_not_end_at_abbreviations() -> None:
    text = "Use e.g. Weaviate or Dr. No for this purpose today. " * 20
    assert all(chunk.text.startswith("Use") for chunk in chunks_of(text, "text/plain"))


def test_a_row_of_a_table_is_never_cut() -> None:
    text = "\n".join(f"name: Box {number}; price: {number} euro; colour: grey" for number in range(30))
    rows = text.split("\n")
    assert all(line in rows for chunk in chunks_of(text, "text/csv") for line in chunk.text.split("\n"))


def test_no_chunk_lies_on_two_pages() -> None:
    loaded = load(pdf(*(f"Page {number} says this and that. " * 8 for number in (1, 2, 3))), "a.pdf")
    chunks = split(loaded, ID, "s", SIZES, approximate_token_starts)
    spans = {page.number: page for page in loaded.pages}
    assert {chunk.page for chunk in chunks} == {1, 2, 3}
    assert all(
        spans[chunk.page or 0].start <= chunk.start < chunk.end <= spans[chunk.page or 0].end for chunk in chunks
    )


def test_everything_of_every_page_is_covered() -> None:
    text = "first. " * 50 + "\n\n" + "second. " * 50
    cut = text.index("second")
    loaded = Loaded(text, "T", "application/pdf", (Page(1, 0, cut - 2), Page(2, cut, len(text))))
    assert_covers(text, split(loaded, ID, "s", SIZES, approximate_token_starts))


def test_real_documents_are_covered_by_exact_spans(data_folder: Path) -> None:
    with gzip.open(data_folder / "kb_docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][::25]
    for row in rows:
        loaded = load(row["text"].encode(), row["path"])
        chunks = split(loaded, ID, row["id"], Sizes(), approximate_token_starts)
        assert all(loaded.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
        assert_covers(loaded.text, chunks)
