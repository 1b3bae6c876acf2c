from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from assistant.app import Assistant
from assistant.records import Message, Request, Vote
from graphs.errors import BusyError, MissingKeyError, NotFoundError, RateLimitedError, UsageError
from graphs.events import Failed, Final, Status
from tests.assistant.home_fakes import WARRANTY, open_fake

QUESTION = "How long does the warranty last?"


def test_the_last_event_carries_the_answer_and_its_conversation(assistant: Assistant) -> None:
    run = assistant.stream(Request(question=QUESTION))
    last = list(run)[-1]
    assert isinstance(last, Final)
    assert last.answer.thread_id == run.thread_id
    assert "24 months" in last.answer.text


def test_an_acknowledged_turn_is_on_disk(home: Path, assistant: Assistant) -> None:
    answer = assistant.ask(Request(question=QUESTION))
    with open_fake(home) as other:
        assert other.threads.turns(answer.thread_id)[0].answer == answer


def test_a_conversation_goes_on_after_a_restart(home: Path) -> None:
    with open_fake(home) as first:
        thread_id = first.ask(Request(question=QUESTION)).thread_id
    with open_fake(home) as second:
        answer = second.ask(Request(question="And do repairs extend it?", thread_id=thread_id))
        assert answer.thread_id == thread_id
        assert [turn.question for turn in second.threads.turns(thread_id)] == [QUESTION, "And do repairs extend it?"]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("x" * 100_000, "100,000"),
        ("a\x00b", "no text"),
        ("\udce9t\udce9", "no text"),
    ],
)
def test_a_message_that_is_no_question_is_refused_before_anything_is_stored(
    assistant: Assistant, question: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        assistant.stream(Request.model_construct(question=question))
    assert assistant.threads.list() == []
    assert not assistant.resources.embeddings.ready


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("thread_id", "nowhere"),
        ("collection", "nothing"),
        ("model", "local:none"),
        ("model", "nobody:x"),
        ("path", "tuned"),
    ],
)
def test_a_name_that_does_not_exist_is_named_in_the_error(assistant: Assistant, field: str, value: str) -> None:
    with pytest.raises(UsageError, match=value.partition(":")[0]) as caught:
        assistant.stream(Request.model_validate({"question": QUESTION, field: value}))
    assert caught.value.cure


def test_a_failing_model_is_an_error_and_the_question_stays(home: Path) -> None:
    with open_fake(home, chat="fake:fail-rate-limit") as assistant:
        run = assistant.stream(Request(question=QUESTION))
        last = list(run)[-1]
        assert isinstance(last, Failed)
        assert last.error["type"] == "rate_limited"
        assert isinstance(run.error, RateLimitedError)
        turns = assistant.threads.turns(last.thread_id)
        assert [(turn.question, turn.answer) for turn in turns] == [(QUESTION, None)]


def test_a_conversation_goes_on_after_a_failed_turn(home: Path) -> None:
    with open_fake(home, chat="fake:fail-key?times=1") as assistant:
        run = assistant.stream(Request(question=QUESTION))
        assert isinstance(list(run)[-1], Failed)
        answer = assistant.ask(Request(question=QUESTION, thread_id=run.thread_id))
        assert "24 months" in answer.text


def test_a_store_out_of_reach_is_disclosed(home: Path) -> None:
    with open_fake(home) as assistant:
        assistant.resources._list.down = True  # type: ignore[attr-defined]
        answer = assistant.ask(Request(question="hello there"))
        assert any("does not answer" in notice for notice in answer.notices)


def test_editing_replaces_the_question_and_everything_after_it(assistant: Assistant) -> None:
    thread_id = assistant.ask(Request(question=QUESTION)).thread_id
    assistant.ask(Request(question="And do repairs extend it?", thread_id=thread_id))
    first = assistant.threads.turns(thread_id)[0].question_id
    assistant.ask(Request(question="What extends the warranty?", thread_id=thread_id, replace=first))
    assert [turn.question for turn in assistant.threads.turns(thread_id)] == ["What extends the warranty?"]
    kinds = [message.type for message in assistant.threads.messages(thread_id)]
    assert kinds == ["human", "ai"]


def test_a_failed_regeneration_keeps_the_old_answer(home: Path) -> None:
    with open_fake(home, chat="fake:reader") as assistant:
        answer = assistant.ask(Request(question=QUESTION))
        question_id = assistant.threads.turns(answer.thread_id)[0].question_id
        again = Request(
            question=QUESTION,
            thread_id=answer.thread_id,
            replace=question_id,
            model="fake:fail-broken",
            path="zero_shot",
        )
        assert isinstance(list(assistant.stream(again))[-1], Failed)
        assert [turn.answer for turn in assistant.threads.turns(answer.thread_id)] == [answer]


def test_replacing_a_question_that_is_not_there_is_refused(assistant: Assistant) -> None:
    thread_id = assistant.ask(Request(question=QUESTION)).thread_id
    with pytest.raises(NotFoundError, match="nope"):
        assistant.stream(Request(question=QUESTION, thread_id=thread_id, replace="nope"))


def test_a_second_turn_in_the_same_conversation_waits_its_turn(home: Path) -> None:
    with open_fake(home, chat="fake:reader?delay=0.05") as assistant:
        run = assistant.stream(Request(question=QUESTION))
        with pytest.raises(BusyError, match=run.thread_id):
            assistant.stream(Request(question=QUESTION, thread_id=run.thread_id))
        assert isinstance(list(run)[-1], Final)
        assert assistant.ask(Request(question=QUESTION, thread_id=run.thread_id)).text


def test_conversations_are_answered_side_by_side(assistant: Assistant) -> None:
    runs = [assistant.stream(Request(question=QUESTION)) for _ in range(8)]
    lasts = [list(run)[-1] for run in runs]
    assert all(isinstance(last, Final) for last in lasts)
    assert len(assistant.threads.list()) == 8


def test_a_stop_keeps_what_was_written(home: Path) -> None:
    with open_fake(home, chat="fake:reader?delay=0.02") as assistant:
        cancel = threading.Event()
        run = assistant.stream(Request(question=QUESTION), cancel)
        for event in run:
            if event.type == "token":
                cancel.set()
        assert run.answer is not None
        assert run.answer.stopped
        assert 0 < len(run.answer.text) < len(WARRANTY)
        assert assistant.threads.turns(run.thread_id)[0].answer == run.answer


def test_a_reader_who_leaves_stops_the_turn_and_loses_nothing(home: Path) -> None:
    with open_fake(home, chat="fake:reader?delay=0.02") as assistant:
        run = assistant.stream(Request(question=QUESTION))
        assert isinstance(next(run), Status)
        run.close()
        assert assistant.threads.turns(run.thread_id)[0].answer is not None


def test_a_history_of_the_callers_own_leaves_no_conversation(assistant: Assistant) -> None:
    history = [Message(role="user", content=QUESTION), Message(role="assistant", content="24 months.")]
    answer = assistant.ask(Request(question="And do repairs extend it?", history=history))
    assert answer.thread_id == ""
    assert assistant.threads.list() == []


def test_texts_brought_along_stand_in_for_retrieval(assistant: Assistant) -> None:
    request = Request(question="What colour is the car?", contexts=["The car is red.", "The sky is blue."], history=[])
    answer = assistant.ask(request)
    assert "red" in answer.text
    assert answer.citations[0].document_id == "given-1"


def test_every_citation_resolves_in_its_passage(assistant: Assistant) -> None:
    answer = assistant.ask(Request(question=QUESTION))
    assert answer.citations
    assert all(WARRANTY[citation.start : citation.end] == citation.snippet for citation in answer.citations)


def test_old_checkpoints_of_a_conversation_are_let_go(assistant: Assistant) -> None:
    thread_id = assistant.ask(Request(question=QUESTION)).thread_id
    for _ in range(3):
        assistant.ask(Request(question=QUESTION, thread_id=thread_id))
    with assistant._saver.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM checkpoints WHERE thread_id = ?", (thread_id,))
        assert cursor.fetchone()[0] == 1


def test_a_path_says_what_it_took_lately(assistant: Assistant) -> None:
    assistant.ask(Request(question=QUESTION))
    answer = assistant.ask(Request(question=QUESTION, fresh=True))
    assert answer.route.expected["rag"].seconds > 0


def test_a_vote_keeps_the_answer_it_was_for(assistant: Assistant) -> None:
    answer = assistant.ask(Request(question=QUESTION))
    assistant.feedback.record(Vote(answer_id=answer.answer_id, vote="up"), answer, QUESTION)
    assistant.feedback.record(Vote(answer_id=answer.answer_id, vote="down", comment="too short"), answer, QUESTION)
    assert [(vote.vote, vote.comment) for vote in assistant.feedback.list()] == [("down", "too short")]
    assert assistant.feedback.snapshot(answer.answer_id) == (QUESTION, answer)


def test_conversations_are_found_by_what_was_said(assistant: Assistant) -> None:
    answer = assistant.ask(Request(question=QUESTION))
    assistant.ask(Request(question="hello"))
    assert [info.thread_id for info in assistant.threads.list("24 MONTHS")] == [answer.thread_id]
    assert assistant.threads.list("100%") == []


def test_a_conversation_is_renamed_exported_and_deleted(assistant: Assistant) -> None:
    thread_id = assistant.ask(Request(question=QUESTION)).thread_id
    assert assistant.threads.rename(thread_id, " Warranty ").title == "Warranty"
    assert "# Warranty" in assistant.threads.export(thread_id)
    assert json.loads(assistant.threads.export(thread_id, "json"))["turns"][0]["question"] == QUESTION
    assistant.threads.delete(thread_id)
    with pytest.raises(NotFoundError):
        assistant.threads.turns(thread_id)
    assert not assistant.threads.messages(thread_id)


def test_a_conversation_that_is_being_answered_is_not_deleted(home: Path) -> None:
    with open_fake(home, chat="fake:reader?delay=0.05") as assistant:
        run = assistant.stream(Request(question=QUESTION))
        with pytest.raises(BusyError):
            assistant.threads.delete(run.thread_id)
        run.close()
        assistant.threads.delete(run.thread_id)
        assert assistant.threads.list() == []


def test_what_is_loaded_is_listed_before_any_model_is(assistant: Assistant) -> None:
    assert assistant.knowledge.documents()
    assert assistant.knowledge.stats().documents == 1
    assert not assistant.resources.knowledge.ready


def test_a_missing_key_is_told_before_the_turn_begins(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("langchain_openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingKeyError, match="OPENAI_API_KEY"):
        assistant.stream(Request(question=QUESTION, model="openai:gpt-x"))
    assert assistant.threads.list() == []
