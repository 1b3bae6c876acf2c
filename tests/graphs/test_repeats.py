"""A question asked again is answered from before, unless something the answer rests on passes."""

from collections.abc import Callable
from typing import Any

import pytest

from graphs.answer import Answer
from graphs.context import Context

Make = Callable[..., Context]
WARRANTY = ("The warranty lasts 24 months from delivery.", 0.7)
QUESTION = "How long is the warranty?"


class Memory:
    """Keeps every answer it is given."""

    def __init__(self) -> None:
        self.kept: dict[str, Answer] = {}

    def find(self, asked: str) -> Answer | None:
        return self.kept.get(asked)

    def keep(self, asked: str, answer: Answer) -> None:
        self.kept[asked] = answer


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_the_same_question_gets_its_answer_again_without_a_model(talk: Any, make_context: Make, memory: Memory) -> None:
    first = talk.ask(make_context("The warranty lasts 24 months.", texts=[WARRANTY], repeats=memory), QUESTION)
    talk.config = {"configurable": {"thread_id": "another"}}
    second = talk.ask(make_context(texts=[WARRANTY], repeats=memory), f" {QUESTION} ")
    same = {"text", "route", "citations", "grounding", "evidence", "model", "prompt", "question"}
    assert second.model_dump(include=same) == first.model_dump(include=same)
    assert (first.repeated, second.repeated) == (False, True)
    assert second.answer_id != first.answer_id
    assert any("answered before" in notice for notice in second.notices)
    assert second.usage.completion_tokens == 0


def test_within_a_conversation_nothing_is_repeated(talk: Any, make_context: Make, memory: Memory) -> None:
    context = make_context(*["The warranty lasts 24 months."] * 4, texts=[WARRANTY], repeats=memory)
    answers = [talk.ask(context, QUESTION) for _ in range(2)]
    assert [answer.repeated for answer in answers] == [False, False]


def test_another_path_is_another_request(talk: Any, make_context: Make, memory: Memory) -> None:
    talk.ask(make_context("The warranty lasts 24 months.", texts=[WARRANTY], repeats=memory), QUESTION)
    talk.config = {"configurable": {"thread_id": "another"}}
    context = make_context("Two years.", texts=[WARRANTY], repeats=memory)
    assert not talk.ask(context, QUESTION, "zero_shot").repeated


@pytest.mark.parametrize("question", ["Hello!", "What is 17 percent of 240?"])
def test_talk_and_tools_are_not_kept(talk: Any, make_context: Make, memory: Memory, question: str) -> None:
    talk.ask(make_context("Hello.", repeats=memory), question)
    assert memory.kept == {}


def test_an_answer_without_the_documents_is_not_kept(
    talk: Any, make_context: Make, memory: Memory, broken_store: Any
) -> None:
    answer = talk.ask(make_context(*["Two years."] * 5, retriever=broken_store, repeats=memory), QUESTION)
    assert answer.notices
    assert memory.kept == {}
