"""`LocalChatModel`: any local engine as a LangChain chat model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from assistant.engines.loading import Loaded
from assistant.engines.text import StopFilter, TextStream
from assistant.engines.types import Sampling
from graphs.constrained import Constrains
from graphs.errors import CrossroadsError, ModelError, TooLongError

_ROLES = {"system": "system", "human": "user", "ai": "assistant", "tool": "user", "function": "user"}


class LocalChatModel(BaseChatModel):
    """A model that runs on this computer. Loaded at the first use; engines are shared between instances.

    Keyword arguments of `invoke`, `stream` and `bind` override the fields below: `max_tokens`, `temperature`,
    `top_p`, `seed`, `repetition_penalty`, `stop`. Safe under concurrent requests: they are served in the order they
    came. Closing a stream stops the engine within a token. Raises `TooLongError` and `ModelError`.
    """

    name: str = ""
    system: str = ""
    """Sent where a conversation has no system message; empty leaves that to the model's template."""
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    repetition_penalty: float = 1.0
    _open: Callable[[], Loaded] = PrivateAttr()

    def __init__(self, open_model: Callable[[], Loaded], **fields: Any) -> None:
        super().__init__(**fields)
        self._open = open_model

    @property
    def _llm_type(self) -> str:
        return "crossroads-local"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.name, "temperature": self.temperature, "max_tokens": self.max_tokens}

    @property
    def constrains(self) -> Constrains:
        """How keyword arguments bind what is written: `grammar` for `regex` and `json_schema`. Loads the model."""
        return "grammar" if self._open().desk.engine.constrains else ""

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may have together. Loads the model."""
        return self._open().codec.facts.context

    def warm_up(self, text: str = "") -> None:
        """Load the model, and compute `text` (a system prompt, say) so that prompts that begin with it start fast."""
        loaded = self._open()
        prompt = loaded.codec.render([{"role": "system", "content": text}] if text else [], self.system)
        self._drain(loaded, loaded.codec.encode(prompt))

    def _drain(self, loaded: Loaded, prompt: list[int]) -> None:
        for _ in loaded.desk.tokens(prompt, Sampling(max_tokens=1), loaded.codec.ends):
            pass

    def get_token_ids(self, text: str) -> list[int]:
        """The model's own ids of a text. Loads the model."""
        return self._open().codec.encode(text)

    def get_num_tokens(self, text: str) -> int:
        """Exactly how many tokens a text has."""
        return len(self.get_token_ids(text))

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage], tools: Any = None) -> int:  # noqa: ARG002
        """Exactly how many tokens the prompt of a conversation has, the template's own included."""
        codec = self._open().codec
        return len(codec.encode(codec.render(as_dicts(messages), self.system)))

    def answer_together(self, conversations: Sequence[Sequence[BaseMessage]], **kwargs: Any) -> list[AIMessage]:
        """One answer a conversation, all computed at once: several times as fast as one by one, and not streamed.

        Keyword arguments as for `invoke`. Raises `TooLongError` where one of them does not fit, and `ModelError`.
        """
        loaded = self._open()
        codec = loaded.codec
        prompts = [codec.encode(codec.render(as_dicts(messages), self.system)) for messages in conversations]
        samplings = [self._sampling(len(prompt), codec.facts.context, kwargs) for prompt in prompts]
        written: dict[int, list[int]] = {}
        for sampling in dict.fromkeys(samplings):  # one, but where a prompt leaves less room than is asked for
            alike = [at for at, one in enumerate(samplings) if one == sampling]
            try:
                found = loaded.desk.together([prompts[at] for at in alike], sampling, codec.ends)
            except (RuntimeError, ValueError, MemoryError) as error:
                raise _failed(loaded, error) from error
            written |= dict(zip(alike, found, strict=True))
        stops = (*kwargs.get("stop", ()), *codec.stops)
        return [self._whole(prompt, written[at], loaded, stops) for at, prompt in enumerate(prompts)]

    def _whole(self, prompt: list[int], ids: list[int], loaded: Loaded, stops: Sequence[str]) -> AIMessage:
        shown = StopFilter(stops)
        text = shown.push(loaded.codec.decode(ids)) + shown.flush()
        usage = UsageMetadata(input_tokens=len(prompt), output_tokens=len(ids), total_tokens=len(prompt) + len(ids))
        return AIMessage(content=text, usage_metadata=usage, response_metadata={"crossroads_model": self.name})

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
        loaded = self._open()
        codec = loaded.codec
        prompt = codec.encode(codec.render(as_dicts(messages), self.system))
        sampling = self._sampling(len(prompt), codec.facts.context, kwargs)
        counted = _Counted(loaded, prompt, sampling, (*(stop or ()), *codec.stops))
        for text in counted.texts():
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=text))
            if run_manager:
                run_manager.on_llm_new_token(text, chunk=chunk)
            yield chunk
        yield self._last(counted, loaded)

    def _sampling(self, prompt: int, context: int, overrides: dict[str, Any]) -> Sampling:
        """What a request asks for, kept within the model's context."""
        room = context - prompt
        if room < 1:
            raise TooLongError(
                f"The prompt has {prompt} tokens; {self.name or 'the model'} takes {context}, the answer included.",
                "Shorten the message, lower answering.prompt_passages or answering.history_messages, "
                "or choose a model with a longer context.",
            )
        names = ("temperature", "top_p", "seed", "repetition_penalty")
        values = {name: overrides.get(name, getattr(self, name)) for name in names}
        wanted = overrides.get("max_tokens") or overrides.get("max_completion_tokens") or self.max_tokens
        bounds = {name: overrides.get(name, "") for name in ("regex", "json_schema")}
        return Sampling(max_tokens=min(int(wanted), room), **values, **bounds)

    def _last(self, counted: _Counted, loaded: Loaded) -> ChatGenerationChunk:
        engine = loaded.desk.engine
        about = {
            "model_name": self.name,
            "crossroads_model": self.name,
            "finish_reason": counted.finish,
            "engine": engine.name,
            "device": engine.device,
        }
        usage = UsageMetadata(
            input_tokens=len(counted.prompt),
            output_tokens=counted.tokens,
            total_tokens=len(counted.prompt) + counted.tokens,
        )
        message = AIMessageChunk(content="", usage_metadata=usage, response_metadata=about, chunk_position="last")
        return ChatGenerationChunk(message=message, generation_info={"finish_reason": counted.finish})


class _Counted:
    """The text of one answer, and what it took."""

    def __init__(self, loaded: Loaded, prompt: list[int], sampling: Sampling, stops: Sequence[str]) -> None:
        self.prompt = prompt
        self.tokens = 0
        self.finish = "stop"
        self._loaded = loaded
        self._sampling = sampling
        self._filter = StopFilter(stops)

    def texts(self) -> Iterator[str]:
        """Pieces of the answer, none empty. Raises `ModelError` where the engine fails."""
        words = TextStream(self._loaded.codec.decode)
        ids = self._loaded.desk.tokens(self.prompt, self._sampling, self._loaded.codec.ends)
        try:
            for token in ids:
                self.tokens += 1
                if shown := self._filter.push(words.push(token)):
                    yield shown
                if self._filter.stopped:
                    return
            if self.tokens >= self._sampling.max_tokens:
                self.finish = "length"
            if shown := self._filter.push(words.flush()) + self._filter.flush():
                yield shown
        except CrossroadsError:
            raise
        except (RuntimeError, ValueError, MemoryError) as error:
            raise _failed(self._loaded, error) from error
        finally:
            ids.close()


def _failed(loaded: Loaded, error: Exception) -> ModelError:
    cure = "Try again; if it happens again, choose another engine with models.engine."
    return ModelError(f"The engine {loaded.desk.engine.name!r} failed: {error}", cure)


def as_dicts(messages: Sequence[BaseMessage]) -> list[dict[str, str]]:
    """Messages as role and content. Raises `ModelError` for anything but text."""
    return [{"role": _role(message), "content": _text(message)} for message in messages]


def _role(message: BaseMessage) -> str:
    role = getattr(message, "role", None) if message.type == "chat" else _ROLES.get(message.type)
    if role not in {"system", "user", "assistant"}:
        raise ModelError(f"A local model does not know the role {role or message.type!r}.", "Use user or assistant.")
    return str(role)


def _text(message: BaseMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    for block in message.content:
        if not isinstance(block, str) and block.get("type") != "text":
            kind = block.get("type")
            raise ModelError(
                f"This model reads text only, not {kind!r}.", "Describe it in words, or choose another model."
            )
    return "".join(block if isinstance(block, str) else str(block["text"]) for block in message.content)
