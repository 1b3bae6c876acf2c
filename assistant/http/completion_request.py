"""What a client of OpenAI's chat completions asks, as a `Request` of ours."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.records import Message, Request
from graphs.answer import PATHS
from graphs.constrained import check_schema
from graphs.effort import Effort
from graphs.errors import NotFoundError, UsageError

MODEL = "crossroads"
_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


_EFFORTS: dict[str, Effort] = {"low": "quick", "medium": "balanced", "high": "thorough"}


class ParameterError(UsageError):
    """A parameter has a value that cannot be used."""

    def __init__(self, parameter: str, message: str, cure: str) -> None:
        super().__init__(message, cure)
        self.parameter = parameter


class UnknownModelError(NotFoundError):
    """No model of ours has that name."""


class TextPart(BaseModel):
    """A part of a message that is text."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """A message; fields such as `name` are let through."""

    role: str
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        """All text of the message."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream should carry beside the text."""

    include_usage: bool = False


class CompletionRequest(BaseModel):
    """The parameters that are honoured. Sampling parameters are let through: answers here are checked, not sampled."""

    model_config = ConfigDict(extra="allow")

    model: str = MODEL
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: int | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    """How much the answer may take: our quick, balanced and thorough."""
    thread_id: str = ""
    """Ours: go on with a stored conversation; the earlier messages sent along are then not used."""
    collection: str = ""
    """Ours: where to look."""

    @property
    def answer_tokens(self) -> int | None:
        """How many tokens may be written at most."""
        wanted = self.max_completion_tokens or self.max_tokens
        return min(wanted, 8192) if wanted else None

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with a chunk for the usage."""
        return self.stream_options is not None and self.stream_options.include_usage


def parse_completion(body: dict[str, Any]) -> CompletionRequest:
    """The request, checked. Raises `ParameterError` naming the parameter that cannot be used."""
    try:
        request = CompletionRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = f"{field!r} cannot be {_short(first['input'])}: {first['msg']}."
        raise ParameterError(field, message, "Send it as OpenAI's chat completions take it; content is text.") from None
    if request.n not in (None, 1):
        raise ParameterError("n", f"n is {request.n!r}, but there is one answer to a question.", "Leave n out.")
    extra = request.model_extra or {}
    for parameter in ("tools", "functions", "stop", "logprobs"):
        if extra.get(parameter):
            raise ParameterError(parameter, f"{parameter!r} is not supported.", "Leave it out.")
    _form(request)
    return request


def _form(asked: CompletionRequest) -> dict[str, Any]:
    """The JSON schema the answer is to fill; empty for text. Raises `ParameterError` for a format there is not."""
    wanted = (asked.model_extra or {}).get("response_format") or {}
    if wanted.get("type", "text") == "text":
        return {}
    schema = (wanted.get("json_schema") or {}).get("schema") if wanted["type"] == "json_schema" else None
    if wrong := check_schema(schema):
        cure = "Send type json_schema with the schema of an object, or leave response_format out."
        raise ParameterError("response_format", f"The format cannot be used: {wrong}.", cure)
    return dict(schema or {})


def as_request(asked: CompletionRequest) -> Request:
    """Our request. Raises `UnknownModelError`, and `ParameterError` where the last message is no question."""
    for index, message in enumerate(asked.messages):
        if message.role not in _ROLES:
            raise ParameterError(
                f"messages[{index}].role", f"The role {message.role!r} is unknown.", f"Use one of {', '.join(_ROLES)}."
            )
    if asked.messages[-1].role != "user":
        raise ParameterError("messages", "The last message is not the user's.", "End the messages with a question.")
    before = [Message(role=_ROLES[message.role], content=message.text) for message in asked.messages[:-1]]
    return Request(
        question=asked.messages[-1].text,
        path=_path(asked.model),
        thread_id=asked.thread_id,
        collection=asked.collection,
        history=None if asked.thread_id else before,
        answer_tokens=asked.answer_tokens,
        effort=_EFFORTS[asked.reasoning_effort] if asked.reasoning_effort else "",
        form=_form(asked),
    )


def model_names() -> list[str]:
    """The names clients may ask for."""
    return [MODEL, *(f"{MODEL}:{path}" for path in PATHS if path != "clarify")]


def _path(model: str) -> Any:
    if model not in model_names():
        raise UnknownModelError(f"There is no model {model!r}.", f"Choose one of {', '.join(model_names())}.")
    return model.partition(":")[2] or "auto"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
