"""Building a chat model for each provider."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from assistant.config import Settings
from assistant.providers.failures import KEYS
from assistant.providers.guarded import GuardedChatModel, Source
from assistant.providers.names import ModelName, parse
from graphs.errors import MissingKeyError, ModelError, NotFoundError

_COMMON = {"max_tokens", "temperature", "top_p", "seed"}
_NOT_ANTHROPIC = {"repetition_penalty", "seed", "json_schema", "regex"}


def build_chat(name: ModelName, settings: Settings) -> BaseChatModel:
    """The model, guarded where it can fail for reasons beyond this computer or a fallback is set."""
    source = _source(name, settings)
    fallback = parse(settings.models.fallback) if settings.models.fallback else None
    if fallback is None or fallback == name:
        plain = source.model()  # fails here and now where a key or a package is missing
        if name.provider in {"local", "hf"}:
            return plain
        return _guarded([source], settings)
    return _guarded([source, _source(fallback, settings)], settings)


def check_source(name: ModelName, settings: Settings) -> None:
    """Build a model without keeping it; see `assistant.providers.check`."""
    _source(name, settings).model()


def _guarded(sources: list[Source], settings: Settings) -> GuardedChatModel:
    return GuardedChatModel(sources, timeout=settings.models.timeout, retries=settings.models.retries)


def _source(name: ModelName, settings: Settings) -> Source:
    build, translate = _BUILDERS[name.provider]
    return Source(name, partial(build, name, settings), translate, name.provider in _STRUCTURED)


def _local(name: ModelName, settings: Settings) -> BaseChatModel:
    from assistant.engines.chat import LocalChatModel
    from assistant.engines.loading import open_gguf
    from assistant.models import CATALOGUE, ensure

    most = settings.answering.answer_tokens
    if name.model in CATALOGUE:
        entry = CATALOGUE[name.model]
        if entry.kind != "chat":
            raise NotFoundError(
                f"{name.full} is not a chat model but an {entry.kind} one.", "See `crossroads models list`."
            )
        return LocalChatModel(
            lambda: open_gguf(_only_gguf(ensure(entry.name, settings)), settings),
            name=name.full,
            system=entry.system,
            max_tokens=most,
        )
    from assistant.providers.registered import registered_chat

    chat: BaseChatModel = registered_chat(name, settings)
    return chat


def _only_gguf(folder: Path) -> Path:
    files = sorted(folder.glob("*.gguf"))
    if len(files) != 1:
        raise ModelError(f"{str(folder)!r} holds {len(files)} GGUF files; one is needed.", "Remove the others.")
    return files[0]


def _hf(name: ModelName, settings: Settings) -> BaseChatModel:
    from assistant.engines.chat import LocalChatModel
    from assistant.engines.loading import open_folder

    source = str(Path(name.model).expanduser()) if name.model.startswith("~") else name.model
    most = settings.answering.answer_tokens
    return LocalChatModel(lambda: open_folder(source, settings), name=name.full, max_tokens=most)


def _openai(name: ModelName, settings: Settings) -> BaseChatModel:
    module: Any = _library("langchain_openai", name)
    key = os.environ.get("OPENAI_API_KEY", "")
    base = settings.models.base_url
    if not key and not base:
        raise _missing_key(name, "OPENAI_API_KEY")
    # other servers know OpenAI's older name of the token limit, which the base class keeps to
    build = module.chat_models.base.BaseChatOpenAI if base else module.ChatOpenAI
    model: BaseChatModel = build(
        model=name.model,
        base_url=base or None,
        api_key=key or "none",  # a server of one's own seldom asks for one
        timeout=settings.models.timeout,
        max_retries=0,  # GuardedChatModel retries, the same for every provider
        stream_usage=True,
        use_responses_api=False if base else None,
    )
    return model


def _azure(name: ModelName, settings: Settings) -> BaseChatModel:
    module: Any = _library("langchain_openai", name)
    for variable in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"):
        if not os.environ.get(variable):
            raise _missing_key(name, variable)
    model: BaseChatModel = module.AzureChatOpenAI(
        azure_deployment=name.model,
        api_version=os.environ.get("OPENAI_API_VERSION", "2024-10-21"),
        timeout=settings.models.timeout,
        max_retries=0,
        stream_usage=True,
    )
    return model


def _anthropic(name: ModelName, settings: Settings) -> BaseChatModel:
    module: Any = _library("langchain_anthropic", name)
    if not os.environ.get("ANTHROPIC_API_KEY"):
        raise _missing_key(name, "ANTHROPIC_API_KEY")
    model: BaseChatModel = module.ChatAnthropic(
        model=name.model,
        timeout=settings.models.timeout,
        max_retries=0,
        max_tokens=settings.answering.answer_tokens,
    )
    return model


def _ollama(name: ModelName, settings: Settings) -> BaseChatModel:
    module: Any = _library("langchain_ollama", name)
    model: BaseChatModel = module.ChatOllama(
        model=name.model,
        client_kwargs={"timeout": settings.models.timeout},
        num_predict=settings.answering.answer_tokens,
    )
    return model


def _fake(name: ModelName, settings: Settings) -> BaseChatModel:  # noqa: ARG001 - every builder takes both
    from assistant.providers.fake import fake_model

    return fake_model(name.model)


def _library(module: str, name: ModelName) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        cure = "Install it: pip install 'crossroads-assistant[providers]'."
        raise ModelError(
            f"{name.full} needs the package {module.replace('_', '-')}, which is not there.", cure
        ) from error


def _missing_key(name: ModelName, variable: str) -> MissingKeyError:
    what = "key" if variable in KEYS.values() else "address"
    cure = f"Set {variable} in the environment or in .env"
    cure += ", or models.base_url for a server of your own." if name.provider == "openai" else "."
    return MissingKeyError(f"{name.full} needs a {what}: {variable} is not set.", cure)


def _for_openai(options: dict[str, Any]) -> dict[str, Any]:
    return _schema_for_openai({key: value for key, value in options.items() if key != "repetition_penalty"})


def _for_anthropic(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in _NOT_ANTHROPIC}


def _for_ollama(options: dict[str, Any]) -> dict[str, Any]:
    """Ollama takes sampling as one `options` object with names of its own."""
    words = {"max_tokens": "num_predict", "repetition_penalty": "repeat_penalty"}
    sampling = {key: value for key, value in options.items() if key in _COMMON | {"repetition_penalty"}}
    rest = {key: value for key, value in options.items() if key not in sampling and key != "regex"}
    if schema := rest.pop("json_schema", ""):
        rest["format"] = json.loads(schema)
    if not sampling:
        return rest
    return {**rest, "options": {words.get(key, key): value for key, value in sampling.items() if value is not None}}


def _schema_for_openai(options: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema as OpenAI and the servers like it take it; a regular expression they do not know."""
    schema = options.pop("json_schema", "")
    options.pop("regex", None)
    if not schema:
        return options
    wanted = {"name": "answer", "schema": json.loads(schema)}
    return {**options, "response_format": {"type": "json_schema", "json_schema": wanted}}


_STRUCTURED = frozenset({"openai", "azure_openai", "ollama"})
"""Providers that keep to a JSON schema by themselves; Anthropic's is asked in words and checked."""
_Builder = Callable[[ModelName, Settings], BaseChatModel]
_Translate = Callable[[dict[str, Any]], dict[str, Any]]
_BUILDERS: dict[str, tuple[_Builder, _Translate]] = {
    "local": (_local, dict),
    "hf": (_hf, dict),
    "openai": (_openai, _for_openai),
    "azure_openai": (_azure, _for_openai),
    "anthropic": (_anthropic, _for_anthropic),
    "ollama": (_ollama, _for_ollama),
    "fake": (_fake, dict),
}
