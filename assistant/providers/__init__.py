"""Models by name: `chat_model("provider:model", settings)` and `embeddings("provider:model", settings)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.providers.names import PROVIDERS, ModelName, parse

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

    from assistant.config import Settings

__all__ = ["PROVIDERS", "ModelName", "chat_model", "check", "embeddings", "parse"]


def chat_model(name: str, settings: Settings) -> BaseChatModel:
    """A chat model by name. Local weights load at the first use (or `warm_up()`), from then on they are shared.

    Where `models.fallback` is set it answers when this model fails, and says so (see `GuardedChatModel`).
    Raises `UsageError` for an unknown provider, `NotFoundError` for an unknown local model and, where there is no
    fallback, `MissingKeyError` and `ModelError` for what a provider lacks. Calls raise `graphs.errors` classes.
    """
    from assistant.providers.building import build_chat

    return build_chat(parse(name), settings)


def embeddings(name: str, settings: Settings) -> Embeddings:
    """An embedding model by name; its vectors have unit length. Raises as `chat_model` does."""
    from assistant.providers.embedding import build_embeddings

    return build_embeddings(parse(name), settings)


def check(name: str, settings: Settings) -> None:
    """Raise what stands in the way of using a model, without asking it anything: a missing key, package or file."""
    from assistant.providers.building import check_source

    check_source(parse(name), settings)
