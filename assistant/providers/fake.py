"""The `fake:` provider: answers without a model, the same every time. For tests, demonstrations and a look at the UI.

    fake:echo                   says the last message again
    fake:reader                 the sentence of the prompt's numbered passages that shares most words with the question
    fake:script?text=A|B        A first, then B, then B again; `\\n` is a line break
    fake:slow                   as reader, five words a second
    fake:fail-rate-limit        fails; also fail-timeout, fail-unreachable, fail-refused, fail-key, fail-too-long,
                                fail-broken
    fake:fail-midway            fails after three words

Options: `delay` seconds before each word, `times` how often a failing mode fails before it answers like `reader`,
`text` for script.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from assistant.engines.text import StopFilter
from assistant.providers.failures import BrokenError, UnreachableError
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

_FAILURES: dict[str, type[CrossroadsError]] = {
    "fail-rate-limit": RateLimitedError,
    "fail-timeout": ModelTimeoutError,
    "fail-unreachable": UnreachableError,
    "fail-refused": RefusedError,
    "fail-key": MissingKeyError,
    "fail-too-long": TooLongError,
    "fail-broken": BrokenError,
    "fail-midway": ModelError,
}
MODES = ("echo", "reader", "script", "slow", *_FAILURES)
UNKNOWN = "I do not know."

_PASSAGE = re.compile(r"^\[(\d+)\]\s*(.*?)(?=^\[\d+\]|\n\s*Question:|\Z)", re.MULTILINE | re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"\w+")
_STOP_WORDS = frozenset(
    "a an and are as at be by do does for from how i in is it of on or the to what when which".split()
)


class FakeChatModel(BaseChatModel):
    """A deterministic chat model that streams word by word. A token is a word."""

    mode: str = "reader"
    delay: float = 0.0
    texts: tuple[str, ...] = ()
    times: int = -1
    """How often a failing mode fails; -1 is always."""
    _calls: int = PrivateAttr(default=0)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "crossroads-fake"

    def get_num_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._count()
        failing = self.mode in _FAILURES and (self.times < 0 or call < self.times)
        if failing and self.mode != "fail-midway":
            raise self._failure()
        words = re.findall(r"\s*\S+", self._answer(messages, call)) or [""]
        limit = int(kwargs.get("max_tokens") or len(words))
        held, said = StopFilter(stop or ()), 0
        for number, word in enumerate(words[:limit]):
            if failing and number == 3:
                raise self._failure()
            time.sleep(self.delay)
            said += 1
            if shown := held.push(word):
                yield _chunk(shown, run_manager)
            if held.stopped:
                break
        if shown := held.flush():
            yield _chunk(shown, run_manager)
        finish = "length" if limit < len(words) and not held.stopped else "stop"
        yield self._last(sum(self.get_num_tokens(message.text) for message in messages), said, finish)

    def _count(self) -> int:
        with self._lock:
            self._calls += 1
            return self._calls - 1

    def _failure(self) -> CrossroadsError:
        return _FAILURES[self.mode](f"The model 'fake:{self.mode}' fails, as it was asked to.", "Choose another model.")

    def _answer(self, messages: list[BaseMessage], call: int) -> str:
        asked = [message.text for message in messages if message.type == "human"]
        last = asked[-1] if asked else ""
        if self.mode == "echo":
            return last
        if self.mode == "script":
            return self.texts[min(call, len(self.texts) - 1)]
        return read(last)

    def _last(self, prompt: int, written: int, finish: str) -> ChatGenerationChunk:
        usage = UsageMetadata(input_tokens=prompt, output_tokens=written, total_tokens=prompt + written)
        about = {"model_name": self.name, "finish_reason": finish}
        return ChatGenerationChunk(
            message=AIMessageChunk(content="", usage_metadata=usage, response_metadata=about, chunk_position="last")
        )


def _chunk(text: str, run_manager: CallbackManagerForLLMRun | None) -> ChatGenerationChunk:
    chunk = ChatGenerationChunk(message=AIMessageChunk(content=text))
    if run_manager:
        run_manager.on_llm_new_token(text, chunk=chunk)
    return chunk


def read(prompt: str) -> str:
    """The sentence of the prompt's passages (`[1] …`) that shares most words with the rest, with its marker."""
    passages = _PASSAGE.findall(prompt)
    question = _content(_PASSAGE.sub(" ", prompt))
    if not passages:
        return f"You said: {prompt.strip()}" if prompt.strip() else UNKNOWN
    best, text = 0, UNKNOWN
    for number, passage in passages:
        for sentence in _SENTENCE.split(passage.strip()):
            shared = len(question & _content(sentence))
            if shared > best:
                body = sentence.strip()
                best, text = shared, f"{body.rstrip('.!?')} [{number}]{body[len(body.rstrip('.!?')) :]}"
    return text


def _content(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS}


def fake_model(model: str) -> FakeChatModel:
    """`echo`, `script?text=A|B`, `slow?delay=1` … as a model. Raises `UsageError` naming the modes there are."""
    mode, _, query = model.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = set(options) - {"delay", "times", "text"}
    if mode not in MODES or unknown:
        wrong = f"option {sorted(unknown)[0]!r}" if unknown else f"mode {mode!r}"
        raise UsageError(f"The fake model has no {wrong}.", f"Modes: {', '.join(MODES)}; options: delay, times, text.")
    try:
        delay = float(options.get("delay", 0.2 if mode == "slow" else 0))
        times = int(options.get("times", -1))
    except ValueError as error:
        raise UsageError(
            f"An option of 'fake:{model}' is not a number: {error}.", "Write delay=0.1 or times=2."
        ) from None
    texts = tuple(options.get("text", "").replace("\\n", "\n").split("|"))
    return FakeChatModel(name=f"fake:{model}", mode=mode, delay=delay, times=times, texts=texts)
