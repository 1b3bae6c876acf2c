"""The fake provider: what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from assistant.config import Models, Settings
from assistant.providers import chat_model, embeddings
from graphs.errors import (
    CrossroadsError,
    MissingKeyError,
    ModelError,
    ModelTimeoutError,
    RateLimitedError,
    RefusedError,
    TooLongError,
    UsageError,
)

PROMPT = (
    "[1] The sky is blue. The warranty lasts 24 months.\n\n[2] Nothing else.\n\nQuestion: How long is the warranty?"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, cache=tmp_path, models=Models(retries=0))


def test_echo_says_the_last_message_again(settings: Settings) -> None:
    answer = chat_model("fake:echo", settings).invoke([SystemMessage("S"), HumanMessage("say this")])
    assert answer.content == "say this"


def test_reader_quotes_the_best_sentence_with_its_marker(settings: Settings) -> None:
    assert chat_model("fake:reader", settings).invoke(PROMPT).content == "The warranty lasts 24 months [1]."


def test_reader_does_not_know_what_no_passage_says(settings: Settings) -> None:
    answer = chat_model("fake:reader", settings).invoke("[1] Cats purr.\n\nQuestion: Who invented radio?")
    assert answer.content == "I do not know."


def test_script_goes_on_and_then_stays(settings: Settings) -> None:
    model = chat_model("fake:script?text=one|two", settings)
    assert [model.invoke("x").content for _ in range(3)] == ["one", "two", "two"]


def test_it_streams_word_by_word_and_counts(settings: Settings) -> None:
    chunks = list(chat_model("fake:echo", settings).stream("one two three"))
    assert [chunk.content for chunk in chunks if chunk.content] == ["one", " two", " three"]
    assert chunks[-1].usage_metadata == {"input_tokens": 3, "output_tokens": 3, "total_tokens": 6}  # type: ignore[attr-defined]


def test_stop_strings_and_limits_hold(settings: Settings) -> None:
    model = chat_model("fake:echo", settings)
    assert model.invoke("one two three", stop=["two"]).content == "one "
    assert model.invoke("one two three", max_tokens=2).response_metadata["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("fail-rate-limit", RateLimitedError),
        ("fail-timeout", ModelTimeoutError),
        ("fail-unreachable", ModelTimeoutError),
        ("fail-refused", RefusedError),
        ("fail-key", MissingKeyError),
        ("fail-too-long", TooLongError),
        ("fail-broken", ModelError),
    ],
)
def test_each_failing_mode_raises_its_error(mode: str, error: type[CrossroadsError], settings: Settings) -> None:
    with pytest.raises(error, match=mode):
        chat_model(f"fake:{mode}", settings).invoke("x")


def test_failing_midway_has_said_something(settings: Settings) -> None:
    said: list[str] = []
    with pytest.raises(ModelError):
        said.extend(str(chunk.content) for chunk in chat_model("fake:fail-midway", settings).stream(PROMPT))
    assert "".join(said) == "The warranty lasts"


@pytest.mark.parametrize("name", ["fake:nonesuch", "fake:echo?colour=red", "fake:echo?delay=soon"])
def test_what_it_does_not_have_is_named(name: str, settings: Settings) -> None:
    with pytest.raises(UsageError):
        chat_model(name, settings)


def test_hashed_words_are_unit_vectors_near_what_shares_words(settings: Settings) -> None:
    model = embeddings("fake:words", settings)
    near, far, question = model.embed_documents(["the red door", "purring cats", "which door is red"])
    assert sum(x * x for x in near) == pytest.approx(1)
    assert sum(a * b for a, b in zip(near, question, strict=True)) > sum(
        a * b for a, b in zip(far, question, strict=True)
    )
    assert sum(x * x for x in model.embed_query("")) == pytest.approx(1)
