"""What went wrong at a provider, as an error with a cure: one place for every library, streamed or not.

The libraries' classes are recognised by name and by HTTP status, so that none of them has to be imported.
"""

from __future__ import annotations

from typing import Any

from assistant.providers.names import ModelName
from graphs.errors import (
    CrossroadsError,
    ModelError,
    ModelTimeoutError,
    RateLimitedError,
    RefusedError,
    TooLongError,
)

KEYS = {"openai": "OPENAI_API_KEY", "azure_openai": "AZURE_OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}

_LENGTH = (
    "context_length_exceeded",
    "context length",
    "context window",
    "context size",
    "prompt is too long",
    "too many tokens",
    "too many input tokens",
    "maximum context",
)
_TIMED_OUT = {"APITimeoutError", "ReadTimeout", "WriteTimeout", "PoolTimeout", "TimeoutException", "TimeoutError"}
_TIMED_OUT |= {"StreamChunkTimeoutError"}
_BROKEN_OFF = {"RemoteProtocolError", "ReadError", "WriteError", "CloseError", "ConnectionResetError"}
_UNREACHABLE = {"APIConnectionError", "ConnectError", "ConnectTimeout", "ConnectionError", "NetworkError"}


class UnreachableError(ModelTimeoutError):
    """Nothing answered at the provider's address."""


class BrokenError(ModelError):
    """The provider failed on its own side (HTTP 5xx, a broken connection); it may be better in a moment."""

    retryable = True


def explain(error: Exception, name: ModelName, timeout: float) -> CrossroadsError:
    """The error to show for whatever a provider's library raised. `timeout` is the configured one, in seconds."""
    if isinstance(error, CrossroadsError):
        return error
    chain = _chain(error)
    if any(link in _TIMED_OUT and link != "ConnectTimeout" for link in chain):
        cure = "Try again, raise models.timeout, or choose a faster model."
        return ModelTimeoutError(f"{name.full} did not answer within {timeout:g} s.", cure)
    status = _status(error)
    if status is not None:
        return _by_status(error, status, name, timeout)
    if any(link in _BROKEN_OFF for link in chain):
        cure = "Try again in a moment; a prompt that is too long for the server can be the reason."
        return BrokenError(f"{name.full} broke off the connection ({_first_line(error)}).", cure)
    if any(link in _UNREACHABLE for link in chain):
        cure = f"Check that {_where(name)} is running and that this computer can reach it."
        return UnreachableError(f"{name.full} cannot be reached ({_first_line(error)}).", cure)
    if _is_length(str(error)):
        return _too_long(error, name)
    return ModelError(
        f"{name.full} failed: {type(error).__name__}: {_first_line(error)}", "See the message; try again."
    )


def retry_after(error: BaseException | None) -> float | None:
    """Seconds the provider asked us to wait, where it said so."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return float(headers["retry-after"])
    except (KeyError, TypeError, ValueError):
        return None


def _by_status(error: Exception, status: int, name: ModelName, timeout: float) -> CrossroadsError:
    text, said = str(error), _first_line(error)
    if status in {401, 403}:
        key = KEYS.get(name.provider)
        cure = f"Check the key in {key}: is it whole, current, and allowed to use {name.model!r}?" if key else ""
        return RefusedError(
            f"{name.full} refused the key ({status}: {said}).", cure or "Check the server's access rules."
        )
    if status == 429 and "insufficient_quota" in text:
        return RefusedError(
            f"The account of {name.full} has no quota left ({said}).", "Top it up, or use another model."
        )
    if status == 429:
        return RateLimitedError(f"{name.full} asks to slow down ({said}).", "Wait a moment and ask again.")
    if status == 408:
        return ModelTimeoutError(f"{name.full} did not answer within {timeout:g} s.", "Try again.")
    if status >= 500:
        return BrokenError(f"{name.full} failed on its side ({status}: {said}).", "Try again in a moment.")
    if status == 413 or _is_length(text):
        return _too_long(error, name)
    if status == 404:
        cure = f"Check the name, and models.base_url if you set it; for Ollama, `ollama pull {name.model}`."
        return RefusedError(f"{name.full}: there is no such model or address (404: {said}).", cure)
    return RefusedError(f"{name.full} refused the request ({status}: {said}).", "Mend what the message names.")


def _too_long(error: Exception, name: ModelName) -> TooLongError:
    cure = (
        "Shorten the message, lower answering.prompt_passages or answering.history_messages, "
        "or choose a model with a longer context."
    )
    return TooLongError(f"The prompt does not fit {name.full} ({_first_line(error)}).", cure)


def _is_length(text: str) -> bool:
    lowered = text.lower()
    return any(words in lowered for words in _LENGTH)


def _status(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        status: Any = getattr(holder, "status_code", None)
        if isinstance(status, int) and status >= 400:
            return status
    return None


def _chain(error: BaseException | None) -> list[str]:
    """Class names of an error, its bases and what caused it."""
    names: list[str] = []
    for _ in range(5):
        if error is None:
            break
        names += [cls.__name__ for cls in type(error).__mro__ if cls not in (OSError, Exception, BaseException, object)]
        error = error.__cause__
    return names


def _where(name: ModelName) -> str:
    return {"ollama": "Ollama (OLLAMA_HOST)", "openai": "the server (models.base_url)"}.get(
        name.provider, "the service"
    )


def _first_line(error: Exception) -> str:
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    return str(message).strip().splitlines()[0][:300]
