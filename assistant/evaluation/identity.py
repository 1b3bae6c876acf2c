"""Everything a target's outputs depend on, in hashes, found without loading a model."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from eval.target import TargetSpec

if TYPE_CHECKING:
    from assistant.config import Settings

_ROOT = Path(__file__).resolve().parents[2]
_CODE = ("graphs", "assistant", "training/grounding", "training/reader")
_ASIDE = {"ui", "http", "cli", "evaluation", "_documentation", "__pycache__"}
"""Folders below `assistant` that no answer depends on."""
_ASKED = 2
"""Counted up when what an output holds, or how a sample is asked, changes: earlier outputs are then not used."""
_SETTINGS = ("models", "knowledge", "answering", "store")


class Ground(Protocol):
    """What outputs depend on beside code and models; an `Assistant` has it, and so has a home nobody opened."""

    @property
    def settings(self) -> Settings:
        """Of the home."""
        ...

    @property
    def catalogue(self) -> Any:
        """Its documents (`Catalogue`)."""
        ...

    @property
    def examples(self) -> Any:
        """Its worked examples (`Examples`)."""
        ...

    @property
    def grading(self) -> Any:
        """Its grades (`Grading`); None where it can have none."""
        ...

    @property
    def feedback(self) -> Any:
        """Its votes (`Feedback`)."""
        ...


def identity_of(ground: Ground, spec: TargetSpec) -> dict[str, Any]:
    """Hashes of code, prompts, weights, models, documents and settings behind a target's outputs."""
    settings = ground.settings
    shown = settings.model_dump(mode="json", exclude={"store": {"api_key", "url", "timeout", "linger"}})
    found: dict[str, Any] = {
        "asked": _ASKED,
        "spec": spec.model_dump(mode="json"),
        "settings": {key: shown[key] for key in _SETTINGS},
        "others": _digest(
            {key: value for key, value in shown.items() if key not in {*_SETTINGS, "home", "cache", "serve"}}
        ),
        "code": code_sha256(),
        "models": models_of(ground, spec),
    }
    if spec.kind == "assistant":
        found["prompts"] = prompts_sha256()
    if spec.kind in ("assistant", "retrieval", "routing"):
        found["documents"] = documents_sha256(ground, spec.collection)
        found["examples"] = _examples(ground)
        found["outcomes"] = _outcomes(ground)
    return found


@cache
def code_sha256() -> str:
    """Hash of the code, prompts and shipped weights that answers come from."""
    digest = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((_ROOT / folder).rglob("*")):
            relative = path.relative_to(_ROOT)
            if path.is_file() and not _ASIDE & set(relative.parts) and path.suffix in {".py", ".md", ".json", ".yaml"}:
                digest.update(f"{relative.as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def prompts_sha256() -> dict[str, str]:
    """Prompt → hash of the file in use; the gate says which of them changed since a baseline."""
    from graphs.prompts import load_prompt, names

    return {name: load_prompt(name)[1].sha256[:16] for name in names() if "@" not in name}


def models_of(ground: Ground, spec: TargetSpec) -> dict[str, str]:
    """Role → the model's name and the hash of its files, where they are on this computer."""
    models = ground.settings.models
    named = {"chat": spec.model or models.chat, "tuned": models.tuned, "embedding": models.embedding}
    named |= {"grounding": models.grounding, "fallback": models.fallback}
    wanted = {"model": ("chat",), "grounding": ("embedding", "grounding"), "retrieval": ("embedding",)}
    roles = wanted.get(spec.kind, tuple(named))
    return {role: f"{name} {model_sha256(ground, name)}".strip() for role in roles if (name := named[role])}


def model_sha256(ground: Ground, name: str) -> str:
    """The hash of a model's files: from the catalogue or the registry, else of a folder's names, sizes and times."""
    from assistant.models import CATALOGUE
    from training.registry import Registry

    provider, _, rest = name.partition(":")
    if provider == "local" and rest in CATALOGUE:
        return _digest([file.sha256 for file in CATALOGUE[rest].files])
    if provider == "local" and (ground.settings.home / "models").is_dir():
        plain, _, version = rest.partition("@")
        registry = Registry(ground.settings.home / "models")
        known = {one.version: one for one in registry.list() if one.name == plain}
        live = registry.live(plain) if plain in registry.names() else None
        chosen = known.get(version) if version else live
        return _digest(chosen.model_dump(mode="json")) if chosen else ""
    folder = Path(rest).expanduser()
    if provider == "hf" and folder.is_dir():
        files = [(str(path.relative_to(folder)), path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
        return _digest([(path, stat.st_size, stat.st_mtime_ns) for path, stat in files])
    return ""


def documents_sha256(ground: Ground, collection: str = "") -> str:
    """Hash of what the collection holds, from the catalogue; of the documentation where a new home will load it."""
    from assistant.documentation import find_documentation

    name = collection or ground.settings.knowledge.collection
    known = sorted((info.source, info.sha256) for info in ground.catalogue.list(name))
    pages = find_documentation()
    if not known or {source for source, _ in known} <= {str(path) for path in pages}:
        return files_sha256(pages)  # not loaded yet, or brought up to date when it is opened
    return _digest(known)


def files_sha256(paths: list[Path]) -> str:
    """Hash of files' names and contents."""
    return _digest([(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in sorted(paths)])


def _examples(ground: Ground) -> str:
    """Hash of the worked examples few-shot prompts draw from."""
    listed = getattr(ground.examples, "list", None)
    return _digest([str(item) for item in listed()]) if listed else ""


def _outcomes(ground: Ground) -> str:
    """Hash of the grades and votes that move the router's chances; empty where there are none."""
    grading = getattr(ground, "grading", None)  # an assistant made of words has none
    if grading is None:
        return ""
    from assistant.outcomes_seen import OutcomesSeen

    found = [str(one) for one in OutcomesSeen(grading, ground.feedback)().values()]
    return _digest(found) if found else ""


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:24]
