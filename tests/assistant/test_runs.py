from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from assistant.app import Assistant
from assistant.http.run_page import runs_router
from assistant.records import Request
from graphs.chat import EDGES
from graphs.errors import NotFoundError
from graphs.events import Failed
from tests.assistant.home_fakes import open_fake

ROOT = Path(__file__).parents[2]
QUESTION = "How long does the warranty last?"


def steps_of(assistant: Assistant, thread_id: str) -> list[Any]:
    return assistant.run_log.steps(assistant.threads.turns(thread_id)[-1].question_id)


def test_every_step_of_a_turn_is_remembered_with_the_prompts(assistant: Assistant) -> None:
    answer = assistant.ask(Request(question=QUESTION))
    steps = steps_of(assistant, answer.thread_id)
    assert [step.node for step in steps[:2]] == ["input", "receive"]
    assert steps[-1].node == "finish"
    calls = [call for step in steps for call in step.calls]
    assert "warranty lasts 24 months" in calls[-1]["messages"][-1]["content"]
    assert calls[-1]["prompt_tokens"] > 0


def test_a_turn_that_failed_shows_where(home: Path) -> None:
    with open_fake(home, chat="fake:fail-rate-limit") as assistant:
        run = assistant.stream(Request(question=QUESTION))
        assert isinstance(list(run)[-1], Failed)
        last = steps_of(assistant, run.thread_id)[-1]
        assert last.node == "error"
        assert "RateLimited" in last.changed["error"]


def test_a_deleted_conversation_leaves_no_steps(assistant: Assistant) -> None:
    from assistant.operations import run_here

    answer = assistant.ask(Request(question=QUESTION))
    question_id = assistant.threads.turns(answer.thread_id)[-1].question_id
    run_here(assistant, "threads/delete", {"thread_id": answer.thread_id}, lambda event: None)
    assert assistant.run_log.steps(question_id) == []


def test_only_the_latest_turns_are_remembered(home: Path) -> None:
    with open_fake(home, answering={"kept_runs": 2}) as assistant:
        answers = [assistant.ask(Request(question=QUESTION)) for _ in range(3)]
        kept = [bool(steps_of(assistant, answer.thread_id)) for answer in answers]
        assert kept == [False, True, True]


@pytest.mark.parametrize("node", ["", "route", "read", "answer_from_passages", "verify", "finish"])
def test_a_turn_can_be_replayed_from_any_step(assistant: Assistant, node: str) -> None:
    first = assistant.ask(Request(question="Hello!"))
    answer = assistant.ask(Request(question=QUESTION, thread_id=first.thread_id))
    run = assistant.replay(answer.thread_id, "", node)
    list(run)
    assert run.error is None
    assert run.answer is not None
    assert run.answer.text == answer.text
    assert run.answer.thread_id != answer.thread_id
    assert [m.type for m in assistant.threads.messages(run.thread_id)] == ["human", "ai", "human", "ai"]
    assert len(assistant.threads.turns(answer.thread_id)) == 2
    nodes = [step.node for step in steps_of(assistant, run.thread_id)]
    assert nodes[0] == (node or "input")


def test_what_is_not_remembered_cannot_be_replayed(assistant: Assistant) -> None:
    answer = assistant.ask(Request(question=QUESTION))
    with pytest.raises(NotFoundError, match="clarify"):
        assistant.replay(answer.thread_id, "", "clarify")
    with pytest.raises(NotFoundError, match="not remembered"):
        assistant.replay(answer.thread_id, "nothing")


def test_the_page_of_a_run_shows_prompts_and_evidence_and_no_markup_of_theirs(home: Path) -> None:
    with open_fake(
        home, texts=["The warranty lasts <img src=x onerror=alert(1)> 24 months from delivery."]
    ) as assistant:
        answer = assistant.ask(Request(question=QUESTION))
        route: Any = runs_router(assistant).routes[0]
        page = route.endpoint(answer.thread_id).body.decode()
    assert "passages looked at" in page
    assert "Model call" in page
    assert "<img" not in page


def test_traces_hold_the_steps_and_no_text_unless_asked(home: Path) -> None:
    spans = {}
    for text in (False, True):
        with open_fake(home, traces={"to": "file", "text": text}) as assistant:
            assistant.ask(Request(question=QUESTION))
        spans[text] = (home / "traces.jsonl").read_text(encoding="utf-8")
        (home / "traces.jsonl").unlink()
    lines = [json.loads(line) for line in spans[False].splitlines()]
    names = [line["name"] for line in lines]
    assert {"crossroads.turn", "crossroads.route", "crossroads.finish", "chat"} <= set(names)
    assert "warranty" not in spans[False]
    assert "warranty" in spans[True]
    root = next(line for line in lines if line["name"] == "crossroads.turn")
    assert root["parent_id"] is None


def test_without_the_setting_nothing_is_traced(home: Path) -> None:
    with open_fake(home) as assistant:
        assistant.ask(Request(question=QUESTION))
    assert not (home / "traces.jsonl").exists()


@pytest.mark.parametrize("budget", [{"steps": 3}, {"steps": 5}, {"tokens": 5}, {"seconds": 1e-6}])
def test_a_used_up_budget_gives_a_partial_answer_that_says_so(home: Path, budget: dict[str, Any]) -> None:
    with open_fake(home, budget=budget) as assistant:
        answer = assistant.ask(Request(question=QUESTION))
        assert answer.partial
        assert any("budget" in notice for notice in answer.notices)
        assert assistant.threads.turns(answer.thread_id)[-1].answer == answer
        if budget.get("steps") == 5:  # after reading: the best passage is quoted
            assert answer.quoted
            assert "24 months" in answer.text


def test_a_budget_of_money_counts_what_the_model_asks_for(home: Path) -> None:
    from graphs.meter import Budget, Meter, ModelCall

    meter = Meter(Budget(cost_usd=0.001), (1.0, 2.0))
    meter.calls.append(ModelCall("", [], 0.0, prompt_tokens=500, completion_tokens=200))
    assert meter.spent() == ""
    meter.calls.append(ModelCall("", [], 0.0, prompt_tokens=200, completion_tokens=0))
    assert meter.spent() == "$0.001"


def test_langgraphs_own_server_can_load_and_run_the_graph(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))["graphs"]["crossroads"]
    path, _, name = listed.partition(":")
    spec = importlib.util.spec_from_file_location("served_graph", ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with open_fake(home) as assistant:
        monkeypatch.setattr(module, "assistant", lambda: assistant)
        graph = getattr(module, name)()
        assert graph.checkpointer is None
        graph = graph.copy(update={"checkpointer": InMemorySaver()})  # as the server does
        config = {"configurable": {"thread_id": "t"}}
        for asked in ({"question": QUESTION}, {"messages": [("human", QUESTION)]}):
            state = graph.invoke(asked, config, context={"collection": "documents"})
            assert "24 months" in state["answer"]["text"]
        assert len(state["messages"]) == 5


def test_the_drawing_shows_the_graph_as_it_is() -> None:
    from scripts.draw_graph import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run: python3 scripts/draw_graph.py"
    assert all(node.__name__ in PAGE.read_text(encoding="utf-8") for node in EDGES)
