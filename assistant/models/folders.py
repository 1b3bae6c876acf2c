"""Any model's name to a Hugging Face folder with its weights: what training and export begin with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from assistant.config import Settings
from graphs.errors import ModelError, NotFoundError, UsageError


def base_folder(name: str, settings: Settings) -> Path:
    """A folder of whole weights: as `model_folder`, and an adapter merged into its base, once.

    Raises as `model_folder` does, and `ModelError` for an adapter that cannot be merged.
    """
    from assistant.engines.adapters import merge_adapter

    folder = model_folder(name, settings)
    named = adapter_base(folder)
    if not named:
        return folder
    digest = hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
    return merge_adapter(base_folder(named, settings), folder, f"{named}:{digest}", settings)


def adapter_base(folder: Path) -> str:
    """The name of the model that the adapter in `folder` was trained on; empty where the folder holds no adapter."""
    config = folder / "adapter_config.json"
    if not config.is_file():
        return ""
    for record in (folder / "version.json", folder / "training.json", config):
        found = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
        if named := found.get("base") or found.get("base_model_name_or_path"):
            return str(named)
    raise ModelError(f"The adapter in {str(folder)!r} does not name its base.", "Train or register it again.")


def model_folder(name: str, settings: Settings) -> Path:
    """The folder with config.json, safetensors and tokenizer of a model, fetched or converted where needed.

    An adapter's folder is its own, without the base. `name` is `local:NAME` (catalogue or registry, `NAME@VERSION` for
    one version of the registry), `hf:REPO`, or a folder. Raises `UsageError` for a model behind an interface,
    `NotFoundError` and `ModelError`.
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
