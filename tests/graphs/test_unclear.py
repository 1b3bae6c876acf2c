from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graphs.answer import Passage
from graphs.context import Context, Limits, Reading
from graphs.unclear import meant, unclear

Make = Callable[..., Context]
TOASTER, KETTLE = "The warranty lasts 24 months.", "The warranty lasts 36 months."
QUESTION = "How long does the warranty last?"


def passage(number: int, text: str, title: str) -> Passage:
    return Passage(
        chunk_id=f"c{number}", document_id=f"d{number}", source="x", title=title, text=text, start=0, end=len(text)
    )


PASSAGES = [
    passage(0, "The warranty: how long it does last is 24 months.", "Toaster handbook"),
    passage(1, "The warranty: how long it does last is 36 months.", "Kettle handbook"),
]


def readings(*spans: tuple[str, float]) -> list[Reading]:
    return [Reading(answerable=chance, start=0, end=1, text=text) for text, chance in spans]


def test_two_documents_that_say_different_things_are_asked_about() -> None:
    asked = unclear(QUESTION, PASSAGES, readings(("24 months", 0.95), ("36 months", 0.93)))
    assert asked["question"].endswith("Do you mean “Toaster handbook” or “Kettle handbook”?")
    assert asked["documents"] == ["d0", "d1"]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (QUESTION, [("24 months", 0.95), ("24 months", 0.95)]),  # they agree
        (QUESTION, [("24 months", 0.95), ("36 months", 0.7)]),  # one answers it much better
        ("How long does the kettle warranty last?", [("24 months", 0.95), ("36 months", 0.95)]),  # it says which
        ("How long does the battery last?", [("24 months", 0.95), ("36 months", 0.95)]),  # not what they are about
    ],
)
def test_a_question_that_is_clear_enough_is_not_asked_back(question: str, found: list[tuple[str, float]]) -> None:
    assert unclear(question, PASSAGES, readings(*found)) == {}


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ("the kettle", 1),
        ("Toaster, please", 0),
        ("the second one", 1),
        ("1", 0),
        ("the handbook", None),
        ("why?", None),
    ],
)
def test_a_reply_names_a_document_by_its_title_or_its_place(reply: str, number: int | None) -> None:
    assert meant(reply, {"titles": ["Toaster handbook", "Kettle handbook"]}) == number


def test_the_conversation_goes_on_with_the_document_that_is_meant(talk: Any, make_context: Make) -> None:
    context = make_context("The warranty lasts 36 months.", texts=[(TOASTER, 0.7), (KETTLE, 0.7)])
    asked = talk.ask(context, "How long is the warranty?")
    assert asked.route.path == "clarify"
    assert "“Title 0” or “Title 1”" in asked.text
    answer = talk.ask(context, "the second")
    assert "36 months" in answer.text
    assert {citation.document_id for citation in answer.citations} == {"d1"}


def test_another_question_instead_is_taken_as_one(talk: Any, make_context: Make) -> None:
    context = make_context("Hi.", texts=[(TOASTER, 0.7), (KETTLE, 0.7)])
    talk.ask(context, "How long is the warranty?")
    assert talk.ask(context, "Hello!").text == "Hi."


def test_the_setting_turns_it_off(talk: Any, make_context: Make) -> None:
    context = make_context(TOASTER, texts=[(TOASTER, 0.7), (KETTLE, 0.7)], limits=Limits(clarify=False))
    assert talk.ask(context, "How long is the warranty?").route.path == "rag"
