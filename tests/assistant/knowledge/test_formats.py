"""Every format: its text, what it says of itself, and a citation that leads to the very place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant.http.documents import documents_router
from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.chunking import Sizes, approximate_token_starts, split
from assistant.knowledge.loaders import load
from assistant.knowledge.retriever import as_document
from assistant.knowledge.types import Hit, Loaded
from graphs.answer import Citation, Passage
from graphs.evidence import quote
from tests.assistant.knowledge.files import pdf, word
from tests.assistant.knowledge.office_files import book, mail, open_document, presentation, workbook
from tests.assistant.knowledge.shelf import open_shelf
from tests.fake_assistant import FakeAssistant

ORDERS = [["id", "customer", "total"], [1, "Ann", 120.5], [2, "Bob", 80], [3, "Sesame Ltd", 99]]
PYTHON = """\"Doors.\"


class Door:
    def close(self):
        pass

    # the magic word
    def open(self, word):
        return word == "Sesame"
"""
FILES: dict[str, bytes] = {
    "a.txt": "Nothing.\n\nSesame opens.".encode("utf-16"),
    "a.md": b"# Doors\n\nSesame opens.\n",
    "a.html": b"<!doctype html><html><body><p>" + b"Words of a page. " * 9 + b"Sesame opens.</p></body></html>",
    "a.pdf": pdf("Nothing.", "Sesame opens."),
    "a.docx": word(heading="Doors", paragraph="Sesame opens.", table=[["a", "b"]]),
    "a.pptx": presentation([("Nothing", "here"), ("Doors", "Sesame opens.")]),
    "a.xlsx": workbook({"Empty": [], "Orders": ORDERS}),
    "a.csv": b"id,customer\n1,Ann\n2,Sesame Ltd\n",
    "a.json": b'[{"id": 1}, {"id": 2, "who": {"name": "Sesame"}}]',
    "a.jsonl": b'{"id": 1}\n\n{"id": 2, "name": "Sesame"}\n',
    "a.ipynb": json.dumps(
        {"cells": [{"cell_type": "code", "source": ["1 + 1"]}, {"cell_type": "markdown", "source": "Sesame opens."}]}
    ).encode(),
    "a.epub": book(["<h1>One</h1><p>Nothing.</p>", "<h1>Two</h1><p>Sesame opens.</p>"]),
    "a.odt": open_document('<text:h text:outline-level="1">Doors</text:h><text:p>Sesame opens.</text:p>'),
    "a.rtf": rb"{\rtf1\ansi\ansicpg1252 Nothing.\par Sesame opens.\par}",
    "a.eml": mail("Nothing.\n\nSesame opens."),
    "a.py": PYTHON.encode(),
}  # fmt: skip
PLACES = {
    "a.pdf": "p. 2", "a.pptx": "slide 2", "a.xlsx": "sheet Orders, row 4", "a.csv": "row 3", "a.json": "entry 2",
    "a.jsonl": "record 3", "a.ipynb": "cell 2", "a.epub": "chapter Two", "a.py": "line 10",
}  # fmt: skip
"""Where “Sesame” stands in each; the others have no numbered places."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    """A knowledge base that holds one file of each format."""
    folder = tmp_path_factory.mktemp("files")
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    with open_shelf(tmp_path_factory.mktemp("home")) as knowledge:
        report = knowledge.ingest([folder])
        assert [failure.error for failure in report.failed] == []
        assert report.documents == len(FILES)
        yield knowledge


@pytest.fixture(scope="module")
def client(shelf: KnowledgeBase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    documents = [shelf.document(info.document_id) for info in shelf.documents()]
    originals = {item.info.document_id: shelf.original(item.info.document_id) for item in documents}
    app = FastAPI()
    app.include_router(documents_router(FakeAssistant(tmp_path_factory.mktemp("ui"), documents, originals)))
    with TestClient(app) as client:
        yield client


def citation_of(shelf: KnowledgeBase, name: str) -> Citation:
    """The citation of the line with “Sesame” in a file, made as the graph makes it."""
    info = next(info for info in shelf.documents() if Path(info.source).name == name)
    stored = shelf.document(info.document_id)
    loaded = Loaded(stored.text, info.title, info.media_type, stored.pages)
    for chunk in shelf.indexer.split(loaded, info.document_id, info.source):
        hit = Hit(chunk, 1.0, 1.0)
        document = as_document(hit, shelf.places([hit])[0])
        passage = Passage(text=document.page_content, **document.metadata)
        if "Sesame" in passage.text:
            start = passage.text.index("Sesame")
            return quote(passage, start, start + 6)[1]
    raise AssertionError(f"{name} has no such chunk")


@pytest.mark.parametrize("name", FILES)
def test_a_citation_is_the_stored_text_and_says_where_it_stands(shelf: KnowledgeBase, name: str) -> None:
    citation = citation_of(shelf, name)
    assert shelf.document(citation.document_id).text[citation.start : citation.end] == citation.snippet
    assert "Sesame" in citation.snippet
    assert citation.place == PLACES.get(name, "")


@pytest.mark.parametrize("name", FILES)
def test_the_link_opens_the_document_at_the_mark(shelf: KnowledgeBase, client: TestClient, name: str) -> None:
    citation = citation_of(shelf, name)
    page = client.get(f"/documents/{citation.document_id}", params={"start": citation.start, "end": citation.end}).text
    marked = page.split("<mark", 1)[1].split("</mark>", 1)[0]
    assert "Sesame" in marked
    if name != "a.pdf":
        assert citation.place in page


@pytest.mark.parametrize("name", FILES)
def test_the_original_is_kept_under_its_own_extension(shelf: KnowledgeBase, name: str) -> None:
    original = shelf.original(citation_of(shelf, name).document_id)
    assert original is not None
    assert original.suffix == Path(name).suffix
    assert original.read_bytes() == FILES[name]


def headings_of(loaded: Loaded, tokens: int = 12) -> list[str]:
    chunks = split(loaded, "12345678-1234-5678-1234-567812345678", "s", Sizes(tokens, 0), approximate_token_starts)
    return [chunk.heading for chunk in chunks]


def test_each_function_of_a_program_is_a_chunk_under_its_class() -> None:
    assert headings_of(load(PYTHON.encode(), "a.py"))[-1] == "Door › open"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.go", "package x\n\nfunc (s *Tank) Fill(a int) error {\n\treturn nil\n}\n", ["Fill"]),
        ("a.ts", "export default class Tank {\n  async fill(n: number) {\n  }\n}\nfunction drain() {}\n",
         ["Tank", "fill", "drain"]),
        ("a.c", "static int fill_tank(struct tank *t) {\n  if (t) {\n  }\n  return 0;\n}\n", ["fill_tank"]),
        ("a.rs", "pub(crate) fn fill(t: &Tank) -> u8 {\n}\nimpl Tank {\n}\n", ["fill", "Tank"]),
        ("a.sql", "CREATE TABLE IF NOT EXISTS tanks (id int);\n", ["tanks"]),
        ("a.java", "public final class Tank {\n    private static void fill(int n) {\n    }\n}\n", ["Tank", "fill"]),
    ],
)  # fmt: skip
def test_definitions_of_other_languages_are_known(name: str, text: str, found: list[str]) -> None:
    assert load(text.encode(), name).metadata["headings"] == found


def test_a_workbook_says_what_its_tables_are_called_and_hold() -> None:
    data = workbook({"Orders": [["Orders of 2024"], [], *ORDERS]}, author="Ann Author")
    known = load(data, "a.xlsx").metadata
    assert known["tables"] == [{"name": "Orders", "columns": ["id", "customer", "total"], "rows": 3, "header_row": 3}]
    assert known["authors"] == ["Ann Author"]


def test_a_book_says_who_wrote_it_and_when() -> None:
    loaded = load(book(["<h2>Part</h2><p>Text.</p>"], title="Doors"), "a.epub")
    assert (loaded.title, loaded.metadata["authors"], loaded.metadata["created"]) == (
        "Doors",
        ["Ann Author"],
        "2001-02-03",
    )


def test_an_email_gives_its_headers_its_body_and_the_names_of_attachments() -> None:
    loaded = load(mail("<p>Come <b>now</b></p><ul><li>one</li></ul>", attachment="plan.pdf", html=True), "a.eml")
    assert loaded.text.startswith("From: Ann <ann@example.org>\nTo: bob@example.org\nDate: Tue, 02 Jan 2024")
    assert "Come now\n\n- one" in loaded.text
    assert loaded.text.endswith("Attachments: plan.pdf (1 KB)")
    assert loaded.metadata["created"] == "2024-01-02T10:00:00+01:00"


def test_notes_of_a_slide_are_read() -> None:
    assert "Notes: Say it slowly." in load(presentation([("A", "b")], notes="Say it slowly."), "a.pptx").text


def test_values_of_json_say_their_whole_path() -> None:
    loaded = load(b'{"a": {"b": [1, 2], "c": [{"d": true}]}}', "a.json")
    assert loaded.text == "a.b: 1, 2\na.c[0].d: true"


def test_signs_of_rtf_in_any_code_page() -> None:
    assert load(rb"{\rtf1\ansi\ansicpg932 \'93\'fa\'96\'7b \u8364?5}", "a.rtf").text == "日本 €5"


def test_a_table_in_an_opendocument_text() -> None:
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    row = f"<table:table-row>{cell.format('Box')}{cell.format(5)}</table:table-row>"
    assert load(open_document(f"<table:table>{row}</table:table>"), "a.odt").text == "| Box | 5 |"


def test_front_matter_becomes_metadata() -> None:
    known = load(b"---\ntitle: T\nauthor: Ann Author\ndate: 2024-02-01\n---\n# One\n## Two\n", "a.md").metadata
    assert known == {"authors": ["Ann Author"], "created": "2024-02-01", "headings": ["One", "Two"]}
