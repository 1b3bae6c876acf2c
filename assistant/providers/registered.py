"""Models of the registry by name: `local:NAME` is the live version, `local:NAME@VERSION` a certain one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.config import Settings
from assistant.providers.names import ModelName, parse
from graphs.errors import ModelError, NotFoundError

if TYPE_CHECKING:
    from assistant.engines.loading import Loaded
    from training.registry import ModelVersion

CHAT_KINDS = ("chat", "adapter")


def version_of(name: ModelName, settings: Settings) -> ModelVersion:
    """The registry's record a name means. Raises `NotFoundError` naming the local models there are."""
    from training.registry import Registry

    registry = Registry(settings.home / "models")
    model, _, number = name.model.partition("@")
    if number:
        return registry.show(model, number)
    version = registry.live(model)
    if version is None:
        raise _unknown(model, registry.names())
    return version


def current(name: str, settings: Settings) -> str:
    """What a model's name stands for now: a registered one with its live version, every other as it is.

    Asked before each turn, so that a promotion is seen without a restart. Raises nothing: building the model does.
    """
    from assistant.models import CATALOGUE

    parsed = parse(name)
    if parsed.provider != "local" or parsed.model in CATALOGUE or "@" in parsed.model:
        return name
    try:
        return f"{name}@{version_of(parsed, settings).version}"
    except NotFoundError:
        return name


def registered_chat(name: ModelName, settings: Settings) -> Any:
    """A chat model of the registry, whole or an adapter on its base. Raises `NotFoundError` and `ModelError`."""
    from assistant.engines.chat import LocalChatModel
    from assistant.engines.leases import lease

    version = version_of(name, settings)
    if version.kind not in CHAT_KINDS:
        raise ModelError(
            f"{name.full} is of the kind {version.kind!r}, which cannot chat.", "See `crossroads models list`."
        )
    folder = _folder(version, settings)
    key = f"{folder}:{settings.models.engine}:{settings.models.device}:{settings.models.threads}"
    most = settings.answering.answer_tokens
    shared = lease(key, _opener(version, folder, settings))
    return LocalChatModel(shared, name=name.full, system=_system(version), max_tokens=most)


def _opener(version: ModelVersion, folder: Path, settings: Settings) -> Callable[[], Loaded]:
    from assistant.engines.loading import load_folder, load_gguf
    from assistant.models.folders import base_folder

    def load() -> Loaded:
        if version.kind == "adapter":
            return load_folder(str(base_folder(f"local:{version.name}@{version.version}", settings)), settings)
        files = sorted(folder.glob("*.gguf"))
        if len(files) > 1:
            raise ModelError(f"{str(folder)!r} holds {len(files)} GGUF files; one is needed.", "Remove the others.")
        return load_gguf(files[0], settings) if files else load_folder(str(folder), settings)

    return load


def _folder(version: ModelVersion, settings: Settings) -> Path:
    from training.registry import Registry

    return Registry(settings.home / "models").folder(version.name, version.version)


def _system(version: ModelVersion) -> str:
    """The system message of a catalogue base goes with what was tuned on it."""
    from assistant.models import CATALOGUE

    entry = CATALOGUE.get(version.base.removeprefix("local:"))
    return entry.system if entry else ""


def _unknown(model: str, registered: list[str]) -> NotFoundError:
    from assistant.models import CATALOGUE

    known = [name for name, entry in CATALOGUE.items() if entry.kind == "chat"] + registered
    state = "has no live version" if model in registered else "is not known"
    cure = f"Local models are: {', '.join(known)}."
    if model in registered:
        cure = f"Promote one with `crossroads models promote {model} VERSION`, or name one as local:{model}@VERSION."
    return NotFoundError(f"The local model {model!r} {state}.", cure)
