"""The chat model over an engine that writes what it is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage

from assistant.engines.chat import LocalChatModel
from assistant.engines.desk import Desk
from assistant.engines.loading import Loaded
from assistant.engines.types import Emit, Sampling
from graphs.errors import ModelError, TooLongError
from tests.assistant.tiny_models import byte_codec

CODEC = byte_codec()
WAIT = 10
"""Seconds after which a test that waits has failed."""


class Typist:
    """An engine that writes a text byte by byte; `gate` holds it back, `written` counts, `prompts` remembers."""

    name, device = "typist", "cpu"

    def __init__(self, text: str = "Hello there.", gate: threading.Semaphore | None = None) -> None:
        self.text, self.gate = text, gate
        self.written = 0
        self.prompts: list[str] = []
        self.samplings: list[Sampling] = []
        self.idle = threading.Event()
        self.inside = 0

    def run(self, prompt: Sequence[int], sampling: Sampling, ends: frozenset[int], emit: Emit) -> None:
        self.inside += 1
        assert self.inside == 1, "two requests at once"
        self.idle.clear()
        self.prompts.append(CODEC.tokenizer.decode(list(prompt), skip_special_tokens=False))
        self.samplings.append(sampling)
        try:
            for token in CODEC.encode(self.text)[: sampling.max_tokens]:
                if self.gate:
                    assert self.gate.acquire(timeout=WAIT)
                if not emit(token):
                    return
                self.written += 1
        finally:
            self.inside -= 1
            self.idle.set()

    def run_together(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, ends: frozenset[int]
    ) -> list[list[int]]:
        self.samplings.append(sampling)
        return [CODEC.encode(f"{len(prompt)}. {self.text}")[: sampling.max_tokens] for prompt in prompts]


class Broken(Typist):
    def run(self, prompt: Sequence[int], sampling: Sampling, ends: frozenset[int], emit: Emit) -> None:
        raise RuntimeError("out of memory\nwith details")

    def run_together(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, ends: frozenset[int]
    ) -> list[list[int]]:
        raise RuntimeError("out of memory")


def chat(engine: Typist, **fields: object) -> LocalChatModel:
    loaded = Loaded(CODEC, Desk(engine))
    return LocalChatModel(lambda: loaded, name="local:typist", **fields)


def test_the_answer_is_what_the_engine_wrote() -> None:
    assert chat(Typist()).invoke("Hi").content == "Hello there."


def test_a_stream_joined_is_the_answer() -> None:
    assert "".join(str(chunk.content) for chunk in chat(Typist("a🦜b")).stream("Hi")) == "a🦜b"


def test_tokens_are_counted_exactly() -> None:
    model = chat(Typist())
    usage = model.invoke("Hi").usage_metadata
    assert usage is not None
    assert usage["input_tokens"] == len(CODEC.encode("<|user|>Hi<|end|><|assistant|>")) == 5
    assert usage["output_tokens"] == len("Hello there.")
    assert model.get_num_tokens("naïve") == 6
    assert model.get_num_tokens_from_messages([HumanMessage("Hi")]) == 5


def test_the_last_chunk_tells_usage_and_why_it_ended() -> None:
    chunks = list(chat(Typist()).stream("Hi", max_tokens=5))
    told = [chunk for chunk in chunks if isinstance(chunk, AIMessageChunk) and chunk.usage_metadata]
    assert len(told) == 1
    assert told[0].response_metadata["finish_reason"] == "length"
    assert told[0].response_metadata["model_name"] == "local:typist"


def test_a_stop_string_ends_the_answer_and_the_engine() -> None:
    engine = Typist("one. two. three. " * 20, threading.Semaphore(6))
    answer = chat(engine).invoke("Hi", stop=[" t"])
    assert answer.content == "one."
    assert answer.response_metadata["finish_reason"] == "stop"
    engine.gate.release()  # type: ignore[union-attr]  # the one token it may notice with
    assert engine.idle.wait(WAIT)
    assert engine.written == 6


def test_closing_a_stream_stops_the_engine_within_a_token() -> None:
    engine = Typist("x" * 400, threading.Semaphore(3))
    stream = chat(engine).stream("Hi")
    for _ in range(3):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    engine.gate.release()  # type: ignore[union-attr]
    assert engine.idle.wait(WAIT)
    assert engine.written == 3


def test_a_cancelled_async_reader_stops_the_engine() -> None:
    engine = Typist("x" * 400, threading.Semaphore(3))

    async def read_and_cancel() -> None:
        seen = asyncio.Event()

        async def read() -> None:
            async for chunk in chat(engine).astream("Hi"):
                if chunk.content:
                    seen.set()

        task = asyncio.create_task(read())
        await asyncio.wait_for(seen.wait(), WAIT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        engine.gate.release(2)  # type: ignore[union-attr]  # lets the read that was under way come back
        await asyncio.to_thread(engine.idle.wait, WAIT)

    asyncio.run(read_and_cancel())
    assert engine.idle.is_set()
    assert engine.written <= 5


def test_requests_are_served_one_at_a_time_and_all_of_them() -> None:
    engine = Typist("answer")
    model = chat(engine)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(str(model.invoke("Hi").content))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert answers == ["answer"] * 8


def test_first_come_first_served() -> None:
    engine = Typist("ab", threading.Semaphore(1))
    model = chat(engine)
    first = model.stream("1")
    next(first)
    threads = []
    for number in "234":
        thread = threading.Thread(target=model.invoke, args=(number,))
        thread.start()
        threads.append(thread)
        desk = model._open().desk
        while desk._jobs.qsize() < len(threads):
            threading.Event().wait(0.005)
    engine.gate.release(100)  # type: ignore[union-attr]
    list(first)
    for thread in threads:
        thread.join(WAIT)
    assert [prompt[len("<|user|>")] for prompt in engine.prompts] == list("1234")


def test_a_reader_who_stands_still_holds_up_nobody() -> None:
    model = chat(Typist("a long answer"))
    slow = model.stream("Hi")
    next(slow)
    assert model.invoke("Hi").content == "a long answer"
    assert "".join(str(chunk.content) for chunk in slow) == " long answer"[-12:]


def test_a_prompt_that_does_not_fit_names_both_counts() -> None:
    with pytest.raises(TooLongError, match=r"603 tokens.*512") as caught:
        chat(Typist()).invoke("x" * 600)
    assert "prompt_passages" in caught.value.cure


def test_an_answer_never_outgrows_the_context() -> None:
    engine = Typist()
    chat(engine, max_tokens=4000).invoke("x" * 400)
    assert engine.samplings[0].max_tokens == 512 - 403


def test_what_a_request_asks_for_wins_over_the_fields() -> None:
    engine = Typist()
    chat(engine, temperature=0.5).bind(temperature=0.9, seed=7).invoke("Hi", top_p=0.8)
    assert (engine.samplings[0].temperature, engine.samplings[0].seed, engine.samplings[0].top_p) == (0.9, 7, 0.8)


def test_a_failing_engine_is_an_error_with_a_cure() -> None:
    with pytest.raises(ModelError, match=r"typist.*out of memory") as caught:
        chat(Broken()).invoke("Hi")
    assert "models.engine" in caught.value.cure


def test_an_engine_works_on_after_a_failure() -> None:
    engine = Broken()
    model = chat(engine)
    for _ in range(2):
        with pytest.raises(ModelError):
            model.invoke("Hi")


def test_roles_become_the_templates() -> None:
    engine = Typist()
    chat(engine).invoke([SystemMessage("S"), HumanMessage("Q"), AIMessage("A"), HumanMessage("R")])
    assert engine.prompts == ["<|system|>S<|end|><|user|>Q<|end|><|assistant|>A<|end|><|user|>R<|end|><|assistant|>"]


def test_a_picture_is_refused_by_name() -> None:
    picture = HumanMessage([{"type": "image_url", "image_url": {"url": "data:,"}}])
    with pytest.raises(ModelError, match="image_url"):
        chat(Typist()).invoke([picture])


def test_conversations_answered_together_keep_their_order_and_stops() -> None:
    engine = Typist("Hello there.")
    asked = [[HumanMessage("a" * length)] for length in (9, 1, 5)]
    lengths = [chat(engine).get_num_tokens_from_messages(messages) for messages in asked]
    replies = chat(engine).answer_together(asked, stop=["there"])
    assert [reply.text for reply in replies] == [f"{length}. Hello " for length in lengths]
    assert [reply.usage_metadata["input_tokens"] for reply in replies if reply.usage_metadata] == lengths
    assert len(engine.samplings) == 1


def test_a_prompt_with_little_room_takes_none_from_the_others() -> None:
    engine = Typist("x" * 50)
    context = CODEC.facts.context
    room = context - chat(engine).get_num_tokens_from_messages([HumanMessage("")])
    replies = chat(engine).answer_together([[HumanMessage("a" * (room - 10))], [HumanMessage("a")]], max_tokens=40)
    assert [sampling.max_tokens for sampling in engine.samplings] == [10, 40]
    assert [reply.usage_metadata["output_tokens"] for reply in replies if reply.usage_metadata] == [10, 40]


def test_together_a_failing_engine_is_an_error_with_a_cure() -> None:
    with pytest.raises(ModelError, match="typist"):
        chat(Broken()).answer_together([[HumanMessage("?")]])
