from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from graphs.context import Context, Limits
from graphs.nodes.correct import keywords, parts

Make = Callable[..., Context]
WARRANTY = ("The warranty lasts 24 months from delivery. Repairs extend it by six months.", 0.7)


class ByQuery(BaseRetriever):
    """Finds a text when its key stands in the query, else a text about nothing asked here."""

    texts: dict[str, str]
    asked: list[str]

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        self.asked.append(query)
        found = [(key, text) for key, text in self.texts.items() if key in query] or [("none", "Bicycles have wheels.")]
        return [_document(key, text) for key, text in found]


def _document(key: str, text: str) -> Document:
    fields = {
        "chunk_id": key, "document_id": key, "source": f"{key}.md", "title": key, "start": 0, "end": len(text),
        "page": None, "heading": "", "score": 1.0, "similarity": 0.7,
    }  # fmt: skip
    return Document(text, metadata=fields)


def limits(effort: Any) -> Limits:
    return Limits(effort=effort)


def test_a_search_that_finds_nothing_is_tried_again_by_keywords(talk: Any, make_context: Make) -> None:
    shelf = ByQuery(texts={"long warranty": "The warranty lasts 24 months."}, asked=[])
    context = make_context("The warranty lasts 24 months.", retriever=shelf)
    answer = talk.ask(context, "How long is the warranty?", forced="rag")
    assert "24 months" in answer.text
    assert [step.name for step in answer.steps] == ["search_again"]
    assert len(shelf.asked) == 2


def test_a_compound_question_is_searched_in_its_parts(talk: Any, make_context: Make) -> None:
    texts = {"warranty last?": "The warranty lasts 24 months.", "pays for repairs?": "The maker pays for repairs."}
    shelf = ByQuery(texts=texts, asked=[])
    context = make_context("The warranty lasts 24 months. The maker pays for repairs.", retriever=shelf)
    answer = talk.ask(context, "How long does the warranty last and who pays for repairs", forced="rag")
    assert not answer.abstained
    assert {item.passage.chunk_id for item in answer.evidence if item.kept} == set(texts)


@pytest.mark.parametrize(("effort", "searches"), [("quick", 1), ("balanced", 2), ("thorough", 3)])
def test_the_effort_bounds_the_searches_and_the_refusal_counts_them(
    talk: Any, make_context: Make, effort: str, searches: int
) -> None:
    shelf = ByQuery(texts={}, asked=[])
    context = make_context("What is the guarantee period warranty?", retriever=shelf, limits=limits(effort))
    answer = talk.ask(context, "How long is the warranty?", forced="rag")
    assert answer.abstained
    assert len(shelf.asked) == searches
    assert (f"{searches} times" in answer.text) == (searches > 1)


def test_given_passages_are_not_searched_again(talk: Any, make_context: Make) -> None:
    context = make_context(given=[])
    assert talk.ask(context, "How long is the warranty?").steps == []


def test_a_quick_answer_quotes_without_asking_a_model(talk: Any, make_context: Make) -> None:
    context = make_context(texts=[WARRANTY], limits=limits("quick"))
    answer = talk.ask(context, "How long is the warranty?", forced="rag")
    assert answer.quoted
    assert context.chat.asked == []  # type: ignore[attr-defined]
    assert answer.model == "quotation"


def test_a_sentence_nothing_supports_is_taken_back_and_told(talk: Any, make_context: Make) -> None:
    context = make_context("The warranty lasts 24 months. Aliens pay for it.", texts=[WARRANTY])
    answer = talk.ask(context, "How long is the warranty?")
    assert answer.text == "The warranty lasts 24 months [1]."
    assert "Aliens" in answer.steps[0].text


def test_the_next_path_is_tried_once_and_then_the_passage_quoted(talk: Any, make_context: Make) -> None:
    tuned = make_context("Ten years.").chat
    context = make_context(
        "Eleven years.", texts=[WARRANTY], tuned=tuned, tuned_name="local:mine", limits=limits("thorough")
    )
    answer = talk.ask(context, "How long is the warranty?")
    assert [step.name for step in answer.steps] == ["next_path", "quote"]
    assert answer.quoted
    assert "not supported" in answer.route.reason


def test_the_next_path_answers_where_the_first_did_not(talk: Any, make_context: Make) -> None:
    tuned = make_context("Ten years.").chat
    context = make_context(
        "The warranty lasts 24 months.", texts=[WARRANTY], tuned=tuned, tuned_name="m", limits=limits("thorough")
    )
    answer = talk.ask(context, "How long is the warranty?")
    assert not answer.quoted
    assert answer.route.path in ("rag", "few_shot")


def test_a_forced_path_is_not_left(talk: Any, make_context: Make) -> None:
    context = make_context("Ten years.", texts=[WARRANTY], limits=limits("thorough"))
    answer = talk.ask(context, "How long is the warranty?", forced="rag")
    assert (answer.route.path, answer.quoted) == ("rag", True)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Who wrote it and when was it printed?", ["Who wrote it?", "when was it printed?"]),
        ("What are salt and pepper made of?", []),
    ],
)
def test_only_questions_are_taken_apart(question: str, found: Sequence[str]) -> None:
    assert parts(question) == list(found)


def test_keywords_leave_out_what_carries_no_meaning() -> None:
    assert keywords("How long is the warranty?") == "long warranty"
    assert keywords("warranty") == ""
