"""A provider's model with typed errors, retries where they can help, and a disclosed fallback."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from assistant.providers.failures import BrokenError, UnreachableError, explain, retry_after
from assistant.providers.names import ModelName
from graphs.constrained import Constrains, how
from graphs.errors import CrossroadsError, ModelError, RateLimitedError

LONGEST_WAIT = 20.0
"""Seconds. A provider that asks for more is treated as failed at once."""
_WORTH_REPEATING = (RateLimitedError, UnreachableError, BrokenError)
"""Not a timeout: the request has had its time, and may still be running there."""


@dataclass
class Source:
    """One model and how to call it."""

    name: ModelName
    build: Callable[[], BaseChatModel]
    """Called at the first use. May raise typed errors: a missing key, for one."""
    translate: Callable[[dict[str, Any]], dict[str, Any]] = dict
    """Our keyword arguments in the library's words."""
    structured: bool = False
    """Whether the provider itself keeps to a `json_schema`."""
    _model: BaseChatModel | None = field(default=None, repr=False)

    @property
    def constrains(self) -> Constrains:
        """How keyword arguments bind what is written; see `graphs.constrained`."""
        return "schema" if self.structured else how(self.model())

    def model(self) -> BaseChatModel:
        """The library's model, built once."""
        if self._model is None:
            self._model = self.build()
        return self._model


class GuardedChatModel(BaseChatModel):
    """Asks a provider; where that fails before any text came, retries, then asks the fallback.

    Every failure is a `graphs.errors` class. Once text has been streamed nothing is retried: the reader has seen it.
    An answer of the fallback says so in `response_metadata["crossroads_fallback"]` (`from`, `to`, `why`);
    `response_metadata["crossroads_model"]` is always the name of the model that wrote it.
    """

    timeout: float = 60.0
    retries: int = 2
    _sources: list[Source] = PrivateAttr()
    _pause: Callable[[float], None] = PrivateAttr()

    def __init__(self, sources: list[Source], pause: Callable[[float], None] = time.sleep, **fields: Any) -> None:
        """`sources`: the model, and the fallback if there is one. `pause` waits between tries."""
        super().__init__(name=sources[0].name.full, **fields)
        self._sources = sources
        self._pause = pause

    @property
    def _llm_type(self) -> str:
        return "crossroads-guarded"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.name}

    @property
    def constrains(self) -> Constrains:
        """How keyword arguments bind what is written; see `graphs.constrained`."""
        return self._sources[0].constrains

    def get_num_tokens(self, text: str) -> int:
        """Tokens as the model's library counts them."""
        return self._sources[0].model().get_num_tokens(text)

    def warm_up(self, text: str = "") -> None:
        """Load the model where it runs on this computer; nothing otherwise."""
        warm = getattr(self._sources[0].model(), "warm_up", None)
        if warm:
            warm(text)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - whole answers have no tokens to tell
        **kwargs: Any,
    ) -> ChatResult:
        failure: CrossroadsError | None = None
        for source in self._sources:
            try:
                result = self._whole(source, messages, stop, kwargs)
            except CrossroadsError as error:
                failure = failure or error
                continue
            about = _about(source.name, self._sources[0].name, failure)
            for generation in result.generations:
                generation.message.response_metadata |= about
            return result
        raise _first(failure)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        failure: CrossroadsError | None = None
        for source in self._sources:
            begun = False
            try:
                for chunk in self._persist(source, messages, stop, kwargs):
                    if not begun:
                        about = _about(source.name, self._sources[0].name, failure)
                        yield ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata=about))
                        begun = True
                    if run_manager:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
                return
            except CrossroadsError as error:
                if begun:
                    raise
                failure = failure or error
        raise _first(failure)

    def _whole(
        self, source: Source, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> ChatResult:
        """One source's answer, tried again with back-off."""
        for attempt in range(self.retries + 1):
            try:
                return source.model()._generate(messages, stop=stop, **source.translate(options))
            except Exception as error:
                self._wait_or_raise(error, source, attempt)
        raise AssertionError("the last attempt returns or raises")

    def _persist(
        self, source: Source, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> Iterator[ChatGenerationChunk]:
        """Chunks of one source, tried again with back-off as long as nothing has come."""
        for attempt in range(self.retries + 1):
            begun = False
            try:
                for chunk in _streamed(source.model(), messages, stop, source.translate(options)):
                    begun = True
                    yield chunk
                if not begun:  # some servers end a stream without a word where they would refuse a plain request
                    yield from _at_once(source.model(), messages, stop, source.translate(options))
                return
            except Exception as error:
                self._wait_or_raise(error, source, self.retries if begun else attempt)

    def _wait_or_raise(self, error: Exception, source: Source, attempt: int) -> None:
        """Wait before the next try, or raise the typed error where another try cannot help."""
        failure = explain(error, source.name, self.timeout)
        wait = _wait(attempt, retry_after(error))
        if attempt >= self.retries or wait > LONGEST_WAIT or not isinstance(failure, _WORTH_REPEATING):
            raise failure from error
        self._pause(wait)


def _streamed(
    model: BaseChatModel, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
) -> Iterator[ChatGenerationChunk]:
    if type(model)._stream is not BaseChatModel._stream:
        yield from model._stream(messages, stop=stop, **options)


def _at_once(
    model: BaseChatModel, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
) -> Iterator[ChatGenerationChunk]:
    """A whole answer as one chunk."""
    for generation in model._generate(messages, stop=stop, **options).generations:
        message = generation.message
        whole = AIMessageChunk(**message.model_dump(exclude={"type"}))
        yield ChatGenerationChunk(message=whole, generation_info=generation.generation_info)


def _about(used: ModelName, wanted: ModelName, failure: CrossroadsError | None) -> dict[str, Any]:
    """Who is writing, and why it is not the one that was asked."""
    about: dict[str, Any] = {"crossroads_model": used.full}
    if failure is not None:
        about["crossroads_fallback"] = {"from": wanted.full, "to": used.full, "why": failure.message}
    return about


def _first(failure: CrossroadsError | None) -> CrossroadsError:
    return failure or ModelError("No model was asked.", "Set models.chat.")


def _wait(attempt: int, asked: float | None) -> float:
    """Seconds before the next try: what the provider asked for, else doubling from half a second, with jitter."""
    if asked is not None:
        return asked
    return float(0.5 * 2**attempt * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
