"""What is kept of answers goes with what they rest on: documents, examples, facts, votes."""

from pathlib import Path
from typing import Any

import pytest

from assistant.app import Assistant
from assistant.knowledge.catalogue import Catalogue
from assistant.knowledge.types import Loaded
from assistant.records import Request, Vote
from assistant.repeats import Repeats
from graphs.answer import Answer, RouteDecision

ANSWER = Answer(text="24 months.", route=RouteDecision(path="rag", reason="Because.", confidence=1.0))
QUESTION = "How long does the warranty last?"


def test_the_answer_longest_unused_leaves_first() -> None:
    repeats = Repeats(2)
    for key in ("a", "b"):
        repeats.put(key, ANSWER)
    repeats.get("a")
    repeats.put("c", ANSWER)
    assert [key for key in "abc" if repeats.get(key)] == ["a", "c"]


def test_what_rests_on_something_else_is_not_found() -> None:
    repeats = Repeats(9)
    bound = repeats.resting_on(["model-1", 3], fresh=False)
    assert bound is not None
    bound.keep("q", ANSWER)
    assert bound.find("q") == ANSWER
    for parts in (["model-2", 3], ["model-1", 4]):
        other = repeats.resting_on(parts, fresh=False)
        assert other is not None
        assert other.find("q") is None
    assert Repeats(0).resting_on([], fresh=False) is None


def test_every_change_of_a_collection_is_counted(home: Path) -> None:
    from assistant.config import Settings
    from assistant.database import open_database

    catalogue = Catalogue(open_database(Settings(home=home)))
    counts = [catalogue.changes("documents")]
    document = catalogue.begin("documents", "a.md", "0" * 64, Loaded("A", "text", "text/markdown"))
    catalogue.finish(document, 1, "way-1")
    counts.append(catalogue.changes("documents"))
    catalogue.reindexed("way-1", "way-2")
    counts.append(catalogue.changes("documents"))
    catalogue.mark_deleting(document_id=document)
    counts.append(catalogue.changes("documents"))
    assert len(set(counts)) == 4
    assert catalogue.changes("others") == 0
    catalogue.engine.dispose()


def ask(assistant: Assistant, **changes: Any) -> Answer:
    return assistant.ask(Request(question=QUESTION, **changes))


def test_a_new_conversation_gets_the_answer_again(assistant: Assistant) -> None:
    first, second = ask(assistant), ask(assistant)
    assert (second.text, second.repeated) == (first.text, True)
    turns = assistant.threads.turns(second.thread_id)
    assert [turn.answer.repeated for turn in turns if turn.answer] == [True]
    assert not ask(assistant, fresh=True).repeated


@pytest.mark.parametrize("change", ["documents", "examples", "facts", "vote", "model"])
def test_after_a_change_the_question_is_answered_anew(assistant: Assistant, change: str) -> None:
    answer = ask(assistant)
    options: dict[str, Any] = {}
    if change == "documents":
        assistant.catalogue.texts.append("Repairs take a week.")  # type: ignore[attr-defined]
    elif change == "examples":
        assistant.examples._changes += 1  # the store of the fakes keeps none
    elif change == "facts":
        assistant.facts.add("I like short answers")
    elif change == "vote":
        assistant.vote(Vote(answer_id=answer.answer_id, vote="down"), answer, QUESTION)
    else:
        options = {"model": "fake:echo"}
    assert not ask(assistant, **options).repeated
