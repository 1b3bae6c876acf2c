# ruff: noqa: E501
"""Questions of count, sum, average, extremes and filter are computed on the table, with the rows as sources."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.tables.answer import KnowledgeTables
from graphs.answer import TableAnswer
from tests.assistant.knowledge.office_files import workbook
from tests.assistant.knowledge.shelf import open_shelf

ORDERS = """id,customer,city,total,date
1,Ann,Berlin,120.50,2024-01-02
2,Bob,Paris,80,2024-01-20
3,Ann,Paris,99.5,2024-02-03
4,Cleo & Co,Berlin,"1,000",2023-12-30

6,Bob,Berlin,,2024-03-01
"""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "orders.csv").write_text(ORDERS)
    (folder / "staff.jsonl").write_text('{"name": "Ann", "age": 31}\n\n{"name": "Bob", "age": 45}\n')
    rows = [
        ["Stock of March"],
        [],
        ["item", "pieces", "since"],
        ["Box", 5, datetime.date(2024, 1, 1)],
        ["Bag", 7, None],
    ]
    (folder / "stock.xlsx").write_bytes(workbook({"Notes": [["Read this first"]], "Depot": rows}))
    (folder / "text.md").write_text("# The average order\n\nHow many words are here is not known.\n")
    with open_shelf(tmp_path_factory.mktemp("home")) as knowledge:
        assert not knowledge.ingest([folder]).failed
        yield knowledge


def ask(shelf: KnowledgeBase, question: str) -> TableAnswer | None:
    return KnowledgeTables(shelf, "documents").answer(question)


@pytest.mark.parametrize(
    ("question", "part", "rows"),
    [
        ("How many orders over 100 in orders.csv?", "2 of 5 rows in orders.csv where “total” is over 100", [2, 5]),
        ("How many rows does orders.csv have?", "orders.csv has 5 rows", [2, 3, 4, 5, 7]),
        ("How many orders are from Ann?", "2 of 5 rows in orders.csv where “customer” is ann", [2, 4]),
        ("How many orders were not from Ann in orders.csv?", "3 of 5 rows", [3, 5, 7]),
        ("What is the total of orders.csv?", "The sum “total” in orders.csv is 1,300, computed from 4 rows (1 more", [2, 3, 4, 5]),
        ("What is the average total of orders from Paris?", "average “total” where “city” is paris in orders.csv is 89.75", [3, 4]),
        ("What is the median total in orders.csv?", "median “total” in orders.csv is 110", [2, 3, 4, 5]),
        ("What is the highest total in orders.csv?", "highest “total” in orders.csv is 1,000", [5]),
        ("What is the lowest total of Berlin orders?", "lowest “total” where “city” is berlin in orders.csv is 120.5", [2]),
        ("How many orders between 80 and 100 are in orders.csv?", "2 of 5 rows", [3, 4]),
        ("How many orders were there in 2024?", "4 of 5 rows in orders.csv where “date” is 2024", [2, 3, 4, 7]),
        ("How many orders after 2024-01-15 in orders.csv?", "3 of 5 rows", [3, 4, 7]),
        ("How many orders from Berlin with a total of at least 120.5?", "2 of 5 rows", [2, 5]),
        ("What is the sum of total per customer in orders.csv?", "cleo & co: 1,000; ", []),
        ("What is the average age in staff.jsonl?", "average “age” in staff.jsonl is 38", [1, 3]),
        ("How many pieces are there in total in stock.xlsx?", "", []),
        ("What is the sum of pieces in the depot sheet?", "sum “pieces” in stock.xlsx, sheet Depot is 12", [4, 5]),
        ("List the orders from Bob", "bob:\n\n- id: 2; customer: Bob; city: Paris; total: 80; date: 2024-01-20 [1]\n- id: 6", [3, 7]),
    ],
)  # fmt: skip
def test_a_figure_is_computed_and_cites_its_rows(
    shelf: KnowledgeBase, question: str, part: str, rows: list[int]
) -> None:
    answer = ask(shelf, question)
    assert answer is not None
    assert part.lower() in answer.text.lower()
    cited = [int(citation.place.rsplit(" ", 1)[1]) for citation in answer.citations]
    assert cited == rows or not rows
    for citation in answer.citations:
        assert shelf.document(citation.document_id).text[citation.start : citation.end] == citation.snippet


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("What is the average weight in orders.csv?", "no column and no value called “weight”"),
        ("How many orders from Rome are in orders.csv?", "called “rome”"),
        ("What is the highest value in staff.jsonl for Ann in June?", "“june”"),
    ],
)
def test_what_a_table_does_not_have_is_said(shelf: KnowledgeBase, question: str, reason: str) -> None:
    answer = ask(shelf, question)
    assert answer is not None
    assert answer.abstained
    assert reason in answer.text
    assert "Its columns are" in answer.text
    assert answer.citations == []


@pytest.mark.parametrize(
    "question",
    [
        "How many continents are there?",
        "What is the highest mountain in Europe?",
        "What are orders?",
        "Who is Ann?",
        "How long does the warranty last?",
        "What is the total eclipse of 2024?",
        "How many words are here?",
    ],
)
def test_other_questions_are_left_to_the_other_paths(shelf: KnowledgeBase, question: str) -> None:
    answer = ask(shelf, question)
    assert answer is None


def test_a_number_column_in_continental_form(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "preise.csv").write_text("ware;preis\nBox;1.234,50\nBag;5,50\n")
    with open_shelf(tmp_path_factory.mktemp("home")) as knowledge:
        knowledge.ingest([folder])
        answer = ask(knowledge, "What is the sum of preis in preise.csv?")
    assert answer is not None
    assert "is 1,240" in answer.text
