"""The knowledge base as tools: what a model that calls tools can ask of it."""

from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.tools import ToolException

from assistant.tools.knowledge import knowledge_tools
from graphs.answer import TableAnswer
from graphs.errors import StoreError
from graphs.tools.box import acts


class Tables:
    """Stands in for the loaded tables."""

    answers: Any = None

    def __init__(self, knowledge: Any, collection: str) -> None:
        self.collection = collection

    def answer(self, question: str) -> TableAnswer | None:
        if isinstance(self.answers, Exception):
            raise self.answers
        return TableAnswer(table="orders.csv", text=self.answers) if self.answers else None


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("assistant.knowledge.tables.answer.KnowledgeTables", Tables)
    lazy = SimpleNamespace(get=lambda: None)
    settings = SimpleNamespace(knowledge=SimpleNamespace(collection="documents"))
    assistant: Any = SimpleNamespace(settings=settings, resources=SimpleNamespace(knowledge=lazy))
    return next(tool for tool in knowledge_tools(assistant) if tool.name == "query_tables")


@pytest.mark.parametrize(("found", "said"), [("There are 3 orders.", "There are 3 orders."), (None, "No loaded table")])
def test_tables_answer_as_a_tool_that_only_reads(
    tool: Any, monkeypatch: pytest.MonkeyPatch, found: str | None, said: str
) -> None:
    monkeypatch.setattr(Tables, "answers", found)
    assert tool.invoke({"question": "How many orders are there?"}).startswith(said)
    assert not acts(tool)


def test_marks_of_citations_do_not_leave_with_the_words_of_a_tool(tool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tables, "answers", "2 of 3 rows:\n\n- id: 1; box[3] [1]\n- id: 2 [2]")
    assert tool.invoke({"question": "Which?"}) == "2 of 3 rows:\n\n- id: 1; box[3]\n- id: 2"


def test_a_table_that_cannot_be_read_is_the_tools_failure(tool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tables, "answers", StoreError("The store is gone.", "Start it."))
    with pytest.raises(ToolException, match="gone"):
        tool.invoke({"question": "How many orders are there?"})
