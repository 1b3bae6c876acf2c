"""Retries where they help, none where they do not, and a fallback that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel

from assistant.config import Models, Settings
from assistant.providers import chat_model
from assistant.providers.fake import FakeChatModel
from assistant.providers.guarded import GuardedChatModel
from graphs.errors import CrossroadsError, MissingKeyError, ModelError, NotFoundError, RefusedError


def guarded(name: str, folder: Path, **models: Any) -> tuple[GuardedChatModel, list[float]]:
    """The model of that name, and how long it waited each time (it does not really)."""
    model = chat_model(name, Settings(home=folder, cache=folder, models=Models(**models)))
    assert isinstance(model, GuardedChatModel)
    waits: list[float] = []
    model._pause = waits.append
    return model, waits


@pytest.mark.parametrize("mode", ["fail-rate-limit", "fail-unreachable", "fail-broken"])
def test_what_waiting_can_help_is_tried_again(mode: str, tmp_path: Path) -> None:
    model, waits = guarded(f"fake:{mode}?times=2", tmp_path, retries=2)
    assert model.invoke("hello").content == "You said: hello"
    assert len(waits) == 2


def test_it_waits_longer_each_time(tmp_path: Path) -> None:
    model, waits = guarded("fake:fail-rate-limit?times=3", tmp_path, retries=3)
    model.invoke("hello")
    assert waits == sorted(waits)
    assert waits[2] > 2 * waits[0]


def test_it_gives_up_after_the_last_try(tmp_path: Path) -> None:
    model, waits = guarded("fake:fail-broken", tmp_path, retries=2)
    with pytest.raises(ModelError):
        model.invoke("hello")
    assert len(waits) == 2


@pytest.mark.parametrize("mode", ["fail-refused", "fail-key", "fail-too-long", "fail-timeout"])
def test_what_waiting_cannot_help_is_not_tried_again(mode: str, tmp_path: Path) -> None:
    model, waits = guarded(f"fake:{mode}?times=1", tmp_path, retries=2)
    with pytest.raises(CrossroadsError):
        model.invoke("hello")
    assert waits == []


def test_nothing_is_retried_or_replaced_once_text_was_shown(tmp_path: Path) -> None:
    model, waits = guarded("fake:fail-midway", tmp_path, retries=2, fallback="fake:echo")
    shown: list[str] = []
    with pytest.raises(ModelError):
        shown.extend(str(chunk.content) for chunk in model.stream("a b c d e f"))
    assert "".join(shown) == "You said: a"
    assert waits == []


def test_a_fallback_answers_and_says_so(tmp_path: Path) -> None:
    model, _ = guarded("fake:fail-refused", tmp_path, retries=0, fallback="fake:echo")
    answer = model.invoke("hello")
    assert answer.content == "hello"
    told = answer.response_metadata["crossroads_fallback"]
    assert (told["from"], told["to"]) == ("fake:fail-refused", "fake:echo")
    assert "fail-refused" in told["why"]
    assert answer.response_metadata["crossroads_model"] == "fake:echo"


def test_a_streamed_fallback_is_disclosed_before_its_first_word(tmp_path: Path) -> None:
    model, _ = guarded("fake:fail-timeout", tmp_path, retries=0, fallback="fake:echo")
    first = next(iter(model.stream("hello")))
    assert first.content == ""
    assert first.response_metadata["crossroads_fallback"]["to"] == "fake:echo"


def test_no_fallback_is_told_where_none_was_needed(tmp_path: Path) -> None:
    model, _ = guarded("fake:echo", tmp_path, fallback="fake:reader")
    assert "crossroads_fallback" not in model.invoke("hello").response_metadata


def test_where_both_fail_the_first_failure_is_shown(tmp_path: Path) -> None:
    model, _ = guarded("fake:fail-refused", tmp_path, retries=0, fallback="fake:fail-timeout")
    with pytest.raises(RefusedError):
        model.invoke("hello")


def test_a_fallback_helps_where_a_key_is_missing(tmp_path: Path) -> None:
    model, _ = guarded("anthropic:some-model", tmp_path, fallback="fake:echo")
    assert "ANTHROPIC_API_KEY" in model.invoke("hello").response_metadata["crossroads_fallback"]["why"]


def test_without_a_fallback_a_missing_key_is_known_before_the_first_question(tmp_path: Path) -> None:
    with pytest.raises(MissingKeyError, match="ANTHROPIC_API_KEY"):
        chat_model("anthropic:some-model", Settings(home=tmp_path, cache=tmp_path))


def test_a_local_model_falls_back_too(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cache=tmp_path, models=Models(fallback="fake:echo"))
    answer = chat_model(f"hf:{tmp_path}/nothing", settings).invoke("hello")
    assert answer.content == "hello"


def test_an_unknown_local_model_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="smollm2-135m-instruct"):
        chat_model("local:nonesuch", Settings(home=tmp_path, cache=tmp_path))


def test_closing_its_stream_closes_the_models(tmp_path: Path) -> None:
    closed: list[bool] = []
    model, _ = guarded("fake:echo", tmp_path)
    inner = model._sources[0].model()
    stream_of = type(inner)._stream

    class Watched(type(inner)):  # type: ignore[misc]
        def _stream(self, *args: Any, **kwargs: Any) -> Any:
            try:
                yield from stream_of(self, *args, **kwargs)
            finally:
                closed.append(True)

    model._sources[0]._model = Watched(mode="echo")
    stream = model.stream("one two three four")
    next(stream)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert closed == [True]


def test_a_provider_that_asks_for_patience_is_waited_for_and_not_too_long() -> None:
    from assistant.providers.guarded import LONGEST_WAIT, _wait

    assert _wait(0, 3.0) == 3.0
    assert _wait(5, LONGEST_WAIT + 1) > LONGEST_WAIT


def test_an_empty_stream_is_asked_again_without_streaming(tmp_path: Path) -> None:
    model, _ = guarded("fake:echo", tmp_path)

    class Mute(FakeChatModel):
        def _stream(self, *args: Any, **kwargs: Any) -> Any:
            yield from ()

        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            raise RefusedError("refused after all", "no cure")

    model._sources[0]._model = Mute(mode="echo")
    with pytest.raises(RefusedError, match="after all"):
        list(model.stream("hello"))


def test_a_model_that_cannot_stream_answers_in_one_piece(tmp_path: Path) -> None:
    from langchain_core.language_models import FakeListChatModel

    class Whole(FakeListChatModel):
        _stream = BaseChatModel._stream

    model, _ = guarded("fake:echo", tmp_path)
    model._sources[0]._model = Whole(responses=["all of it"])
    assert "".join(str(chunk.content) for chunk in model.stream("hello")) == "all of it"
