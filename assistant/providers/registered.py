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


def base_folder(name: str, settings: Settings) -> Path:
    """A Hugging Face folder of the model called `name`: what training starts from. Fetches and converts, once.

    Raises `NotFoundError` and `ModelError`.
    """
    from assistant.engines.loading import engine_folder, prepare
    from assistant.models import CATALOGUE, ensure

    if Path(name.removeprefix("hf:")).is_dir():
        return Path(name.removeprefix("hf:"))
    parsed = parse(name)
    if parsed.provider == "hf":
        return _from_hub(parsed)
    if parsed.provider != "local":
        cure = "Name a local model, such as local:smollm2-135m-instruct, or a folder."
        raise ModelError(f"{name!r} has no weights here to train or to adapt.", cure)
    if parsed.model in CATALOGUE:
        folder = ensure(parsed.model, settings)
        file = next(iter(sorted(folder.glob("*.gguf"))), None)
        if file is None:
            return folder
        prepare(file, settings, "transformers")
        return engine_folder(file, settings) / "transformers"
    version = version_of(parsed, settings)
    return _merged(version, settings) if version.kind == "adapter" else _folder(version, settings)


def _opener(version: ModelVersion, folder: Path, settings: Settings) -> Callable[[], Loaded]:
    from assistant.engines.loading import load_folder, load_gguf

    def load() -> Loaded:
        if version.kind == "adapter":
            return load_folder(str(_merged(version, settings)), settings)
        files = sorted(folder.glob("*.gguf"))
        if len(files) > 1:
            raise ModelError(f"{str(folder)!r} holds {len(files)} GGUF files; one is needed.", "Remove the others.")
        return load_gguf(files[0], settings) if files else load_folder(str(folder), settings)

    return load


def _merged(version: ModelVersion, settings: Settings) -> Path:
    from assistant.engines.adapters import merge_adapter
    from training.registry import content_sha256

    base = base_folder(version.base, settings)
    digest = f"{version.base}:{content_sha256(version.files)}"
    return merge_adapter(base, _folder(version, settings), digest, settings)


def _folder(version: ModelVersion, settings: Settings) -> Path:
    from training.registry import Registry

    return Registry(settings.home / "models").folder(version.name, version.version)


def _system(version: ModelVersion) -> str:
    """The system message of a catalogue base goes with what was tuned on it."""
    from assistant.models import CATALOGUE

    entry = CATALOGUE.get(version.base.removeprefix("local:"))
    return entry.system if entry else ""


def _from_hub(name: ModelName) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name.model))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"{name.full} cannot be fetched: {first}", "Name a folder of this computer.") from error


def _unknown(model: str, registered: list[str]) -> NotFoundError:
    from assistant.models import CATALOGUE

    known = [name for name, entry in CATALOGUE.items() if entry.kind == "chat"] + registered
    state = "has no live version" if model in registered else "is not known"
    cure = f"Local models are: {', '.join(known)}."
    if model in registered:
        cure = f"Promote one with `crossroads models promote {model} VERSION`, or name one as local:{model}@VERSION."
    return NotFoundError(f"The local model {model!r} {state}.", cure)
