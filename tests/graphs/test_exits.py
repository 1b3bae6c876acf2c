"""However a turn ends, the conversation is whole: it goes on with the next question, or from where it broke."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

import pytest
from langchain_core.tools import StructuredTool

from graphs.answer import Answer, RouteDecision
from graphs.chat import EDGES, build_chat_graph
from graphs.context import Context
from graphs.errors import CrossroadsError, ModelTimeoutError, StoreError
from graphs.meter import Budget, Meter
from graphs.tools.box import ACTS, ToolBox
from graphs.tools.builtin import computing_tools

Make = Callable[..., Context]
WARRANTY = ("The warranty lasts 24 months from delivery. Repairs extend it by six months.", 0.7)
LINES = ["The warranty lasts 24 months."] * 6
RAG, TALK, SUM = "How long is the warranty?", "Hello!", "What is 17 percent of 240?"
AGAIN = "How long does the warranty last?"
TASK = "Translate into French: The warranty lasts 24 months."
BOOK = "Reserve a meeting room for people on friday"
NONE = "Who painted the ceiling of the chapel?"
CASES = {
    "look_in_tables": RAG,
    "receive": RAG, "plan_tools": RAG, "rephrase_question": RAG, "route": RAG, "read": RAG,
    "answer_from_passages": RAG, "verify": RAG, "finish": RAG, "answer_directly": TALK, "work_on_text": TASK,
    "repeat": AGAIN, "approve": SUM, "use_tools": SUM,
    "clarify": BOOK, "correct": NONE, "abstain": NONE, "run_out": RAG,
}  # fmt: skip
"""A question whose turn passes through each node."""


def failing(at: str, error: CrossroadsError) -> Callable[[Any], Any]:
    """Puts a failure in place of one node."""

    def wrap(node: Any) -> Any:
        @wraps(node)
        def run(state: Any, runtime: Any) -> Any:
            if node.__name__ == at:
                raise error
            return node(state, runtime)

        return run

    return wrap


@pytest.fixture
def context(make_context: Make) -> Context:
    def book_room(people: int, day: Literal["monday", "friday"]) -> str:
        """Reserve a meeting room for people on a day."""
        return f"room for {people} on {day}"

    tool = StructuredTool.from_function(book_room, metadata={ACTS: False})
    return make_context(*LINES, texts=[WARRANTY], repeats=Before(), tools=ToolBox([*computing_tools(), tool]))


class Before:
    """One answer that was given before."""

    def __init__(self) -> None:
        self.kept: list[Answer] = []

    def find(self, asked: str) -> Answer | None:
        route = RouteDecision(path="zero_shot", reason="The model knows.", confidence=0.9)
        return Answer(text="24 months.", route=route, question=AGAIN) if AGAIN in asked else None

    def keep(self, asked: str, answer: Answer) -> None:
        self.kept.append(answer)


def ask(talk: Any, context: Context, node: str) -> None:
    if node == "run_out":
        context.meter = Meter(Budget(steps=2))
    list(talk.stream(context, CASES[node], "rag" if CASES[node] is NONE else "auto"))


def test_every_node_has_its_case() -> None:
    own = {"answer_from_table"}  # reached with a table alone, and tested there
    assert set(CASES) | own == {node.__name__ for node in EDGES}


@pytest.mark.parametrize(
    "error", [ModelTimeoutError("gone", "wait"), StoreError("gone", "wait")], ids=["model", "store"]
)
@pytest.mark.parametrize("node", CASES)
def test_lost_at_any_node_the_question_is_kept_and_the_conversation_goes_on(
    talk: Any, context: Context, node: str, error: CrossroadsError
) -> None:
    whole = talk.graph
    talk.graph = build_chat_graph(whole.checkpointer, failing(node, error))
    with pytest.raises(type(error)):
        ask(talk, context, node)
    talk.graph, context.meter = whole, Meter()
    answer = talk.ask(context, TALK)
    assert answer.text
    state = whole.get_state(talk.config)
    assert state.next == ()
    kinds = [message.type for message in state.values["messages"]]
    assert kinds == (["human", "ai"] if node == "receive" else ["human", "human", "ai"])


@pytest.mark.parametrize("node", [name for name in CASES if name != "receive"])
def test_broken_off_at_any_node_the_turn_can_be_finished_from_there(talk: Any, context: Context, node: str) -> None:
    whole = talk.graph
    talk.graph = build_chat_graph(whole.checkpointer, failing(node, ModelTimeoutError("gone", "wait")))
    with pytest.raises(ModelTimeoutError):
        ask(talk, context, node)
    assert whole.get_state(talk.config).next == (node,)
    list(whole.stream(None, talk.config, context=context, stream_mode="custom", durability="sync"))
    state = whole.get_state(talk.config)
    assert state.next == ()
    assert Answer(**state.values["answer"]).text
    assert [message.type for message in state.values["messages"]] == ["human", "ai"]


@pytest.mark.parametrize("question", [RAG, TALK])
def test_a_stream_that_is_cancelled_saves_what_was_written(talk: Any, context: Context, question: str) -> None:
    def stop(number: int) -> None:
        if number == 2:
            context.cancel.set()

    context.chat.on_word = stop  # type: ignore[attr-defined]
    answer = talk.ask(context, question)
    assert answer.stopped
    assert answer.text
    context.cancel.clear()
    context.chat.on_word = None  # type: ignore[attr-defined]
    assert talk.ask(context, TALK).text
    kinds = [message.type for message in talk.graph.get_state(talk.config).values["messages"]]
    assert kinds == ["human", "ai", "human", "ai"]


@pytest.mark.parametrize("steps", range(1, 8))
def test_a_budget_used_up_after_any_step_ends_in_an_answer(talk: Any, context: Context, steps: int) -> None:
    context.meter = Meter(Budget(steps=steps))
    answer = talk.ask(context, RAG)
    assert answer.text
    assert talk.graph.get_state(talk.config).next == ()
    if answer.partial:
        assert any("budget" in notice for notice in answer.notices)
    context.meter = Meter()
    assert not talk.ask(context, TALK).partial
