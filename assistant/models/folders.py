"""Any model's name to a Hugging Face folder with its weights: what training and export begin with."""

from __future__ import annotations

from pathlib import Path

from assistant.config import Settings
from graphs.errors import ModelError, NotFoundError, UsageError


def model_folder(name: str, settings: Settings) -> Path:
    """The folder with config.json, safetensors and tokenizer of a model, fetched or converted where needed.

    `name` is `local:NAME` (catalogue or registry, `NAME@VERSION` for one version of the registry), `hf:REPO`, or a
    folder. Raises `UsageError` for a model behind an interface, `NotFoundError` and `ModelError`.
    """
    provider, colon, model = name.partition(":")
    if Path(name).is_dir():
        return Path(name)
    if not colon or provider == "local":
        return _local(model if colon else name, settings)
    if provider == "hf":
        return Path(model) if Path(model).is_dir() else _from_hub(model)
    cure = "Name a model with weights: local:NAME, hf:REPO-OR-FOLDER, or a folder."
    raise UsageError(f"{name!r} has no weights on this computer.", cure)


def _local(model: str, settings: Settings) -> Path:
    from assistant.engines.loading import engine_folder, prepare
    from assistant.models import CATALOGUE, ensure
    from training.registry import Registry

    if model not in CATALOGUE:
        registry = Registry(settings.home / "models")
        plain, _, version = model.partition("@")
        found = registry.show(plain, version)
        return registry.folder(found.name, found.version)
    folder = ensure(model, settings)
    packed = next(folder.glob("*.gguf"), None)
    if packed is None:
        return folder
    prepare(packed, settings, "transformers")
    return engine_folder(packed, settings) / "transformers"


def _from_hub(repository: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository))
    except (OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        cure = "Mend the name, or fetch it where the hub can be reached and name its folder."
        kind = NotFoundError if "404" in first else ModelError
        raise kind(f"{repository!r} cannot be had from the Hugging Face hub: {first}", cure) from error
