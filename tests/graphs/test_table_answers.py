"""A question that a table answers takes the tools path and never meets a model; others go on as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import StructuredTool

from graphs.answer import Citation, TableAnswer
from graphs.context import Context
from graphs.errors import DocumentError
from graphs.tools.box import ToolBox

Make = Callable[..., Context]
ROW = Citation(
    marker="[1]", chunk_id="d#row-2", document_id="d", source="orders.csv", title="orders.csv", page=None, start=10,
    end=20, snippet="total: 120", score=1.0, place="row 2",
)  # fmt: skip


class Tables:
    """Answers whatever mentions orders."""

    def __init__(self, answer: TableAnswer | Exception) -> None:
        self.given = answer

    def answer(self, question: str) -> TableAnswer | None:
        if isinstance(self.given, Exception):
            raise self.given
        return self.given if "orders" in question else None


COUNTED = TableAnswer(table="orders.csv", text="1 of 3 rows in orders.csv [1].", citations=[ROW])


def test_a_figure_from_a_table_is_the_answer(talk: Any, make_context: Make) -> None:
    context = make_context("A model's guess.")
    context.tables = Tables(COUNTED)
    answer = talk.ask(context, "How many orders over 100?")
    assert (answer.text, answer.route.path, answer.model) == (COUNTED.text, "tools", "table")
    assert "computed on its rows" in answer.route.reason
    assert answer.citations == [ROW]
    assert not answer.abstained


def test_what_a_table_lacks_is_an_abstention(talk: Any, make_context: Make) -> None:
    context = make_context("A model's guess.")
    context.tables = Tables(TableAnswer(table="orders.csv", text="I don't know: no such column.", abstained=True))
    answer = talk.ask(context, "What is the average weight in orders.csv?")
    assert answer.abstained
    assert answer.text.startswith("I don't know")


@pytest.mark.parametrize("path", ["auto", "tools"])
def test_the_tool_for_tables_does_not_take_a_question_from_the_answer_that_cites(
    talk: Any, make_context: Make, path: str
) -> None:
    def query_tables(question: str) -> str:
        """Work out a sum on the rows of the loaded orders."""
        raise AssertionError(question)

    context = make_context("A model's guess.", tools=ToolBox([StructuredTool.from_function(query_tables)]))
    context.tables = Tables(COUNTED)
    answer = talk.ask(context, "Work out a sum on the rows of the loaded orders", path)
    assert (answer.text, answer.citations) == (COUNTED.text, [ROW])


@pytest.mark.parametrize("path", ["zero_shot", "few_shot"])
def test_a_path_without_documents_leaves_tables_alone(talk: Any, make_context: Make, path: str) -> None:
    context = make_context("A model's words.")
    context.tables = Tables(COUNTED)
    assert talk.ask(context, "How many orders over 100?", forced=path).text == "A model's words."


def test_the_turn_after_a_table_is_not_answered_by_it_again(talk: Any, make_context: Make) -> None:
    context = make_context("A model's words.")
    context.tables = Tables(COUNTED)
    talk.ask(context, "How many orders over 100?")
    assert talk.ask(context, "Hello!").text != COUNTED.text


def test_a_table_that_cannot_be_read_is_disclosed(talk: Any, make_context: Make) -> None:
    context = make_context("A model's words.")
    context.tables = Tables(DocumentError("'orders.csv' is damaged.", "Export it again."))
    assert any("'orders.csv' is damaged" in notice for notice in talk.ask(context, "Hello!").notices)
