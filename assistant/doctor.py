"""`crossroads doctor`: what is there, what each missing thing costs, and the command that cures it. Changes nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.config import Settings
from assistant.knowledge.types import StoreStats
from assistant.service import find_service
from graphs.errors import CrossroadsError

_LOW_DISK_GB = 2.0
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    costs: str = ""
    """What it costs the user that this is missing."""
    cure: str = ""
    needed: bool = True
    """Whether questions cannot be answered without it."""


def examine(settings: Settings) -> dict[str, Any]:
    """Every check, the store, the models by role and the device, as `crossroads doctor --json` prints them."""
    device = _device(settings)
    checks = [
        _guarded("home", lambda: _home(settings)),
        _guarded("disk", lambda: _disk(settings)),
        *_model_checks(settings),
        _guarded("checker", lambda: _checker(settings)),
        _guarded("engine", lambda: _engine(settings, device)),
        _guarded("store", lambda: _store_check(settings)),
        _guarded("weaviate", lambda: _weaviate(settings)),
        _guarded("gpu", lambda: _gpu(settings, device)),
        *_key_checks(settings),
        _guarded("browser", _browser),
        _guarded("service", lambda: _service(settings)),
    ]
    return {
        "ok": all(check.ok for check in checks if check.needed),
        "checks": [asdict(check) for check in checks],
        "store": _store(settings),
        "models": settings.models.model_dump(include={"chat", "tuned", "judge", "embedding", "grounding", "fallback"}),
        "device": device,
    }


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    """A check that fails instead of ending the others."""
    try:
        return look()
    except CrossroadsError as error:
        return Check(name, False, error.message, "Whatever needs it fails.", error.cure)
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}", "Unknown.", "Please report this.")


def _home(settings: Settings) -> Check:
    home = settings.home
    place = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    if os.access(place, os.W_OK) and place.is_dir():
        return Check("home", True, f"{home} can be written" if place == home else f"{home} will be made")
    cure = f"Give yourself the right to write {place}, or set CROSSROADS_HOME to another folder."
    return Check("home", False, f"{place} cannot be written", "Nothing can be stored, so nothing works.", cure)


def _disk(settings: Settings) -> Check:
    free: dict[str, float] = {}
    for name, folder in (("home", settings.home), ("cache", settings.cache)):
        place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free[name] = shutil.disk_usage(place).free / 1e9
    detail = ", ".join(f"{gigabytes:.1f} GB free for the {name}" for name, gigabytes in free.items())
    cure = f"Free some space, or move {settings.home} and {settings.cache} with CROSSROADS_HOME and CROSSROADS_CACHE."
    return Check("disk", min(free.values()) >= _LOW_DISK_GB, detail, "Documents and models may not fit.", cure, False)


def _model_checks(settings: Settings) -> list[Check]:
    models = settings.models
    roles = {"chat": models.chat, "embedding": models.embedding, "tuned": models.tuned}
    roles |= {"fallback": models.fallback, "judge": models.judge}
    costs = {
        "chat": "No question is answered in the model's words.",
        "embedding": "Documents cannot be searched.",
        "tuned": "The tuned paths cannot be taken.",
        "fallback": "Nothing answers when the chat model fails.",
        "judge": "Evaluation has no judge.",
    }
    return [
        _guarded(f"{role} model", lambda role=role, name=name: _model(role, name, settings, costs[role]))  # type: ignore[misc]
        for role, name in roles.items()
        if name
    ]


def _model(role: str, name: str, settings: Settings, costs: str) -> Check:
    from assistant.models import CATALOGUE, show, verify

    check, needed = f"{role} model", role in ("chat", "embedding")
    bare = name.removeprefix("local:")
    if bare in CATALOGUE and name.startswith("local:"):
        status, cure = show(bare, settings), f"crossroads models pull {bare}"
        if not status.present:
            return Check(
                check, False, f"{name} is not on this computer", costs + " It is fetched when first used.", cure, needed
            )
        damaged = verify(bare, settings)
        detail = (
            f"{name}: damaged: {', '.join(damaged)}" if damaged else f"{name}, {status.size / 1e6:.0f} MB, sha256 right"
        )
        return Check(check, not damaged, detail, costs, cure, needed)
    try:
        if role == "embedding":
            from assistant.providers import parse

            parse(name)
        else:
            from assistant.providers import check as try_model

            try_model(name, settings)
    except CrossroadsError as error:
        return Check(check, False, error.message, costs, error.cure, needed)
    return Check(check, True, f"{name} can be used", "", "", needed)


def _checker(settings: Settings) -> Check:
    """Whether the encoder's base is here; without it sentences are checked by their words alone."""
    from assistant.evidence.checker import shipped_model
    from assistant.evidence.grounding_encoder import BASE, shards
    from assistant.models import show

    if not shards() or shipped_model().joined is None:
        return Check("checker", True, "sentences are checked by their words and numbers")
    if show(BASE, settings).present:
        return Check("checker", True, "sentences are checked by their words and numbers and by the shipped encoder")
    costs = "Sentences are checked by their words alone, which calls more of the true ones unsupported."
    return Check(
        "checker", False, f"the encoder lacks its base, {BASE}", costs, f"crossroads models pull {BASE}", False
    )


def _engine(settings: Settings, device: str) -> Check:
    kind = settings.models.engine
    if kind == "auto":
        kind = "transformers" if device == "cuda" else "openvino"
    module = {"openvino": "openvino", "transformers": "transformers"}[kind]
    there = importlib.util.find_spec(module) is not None
    local = settings.models.chat.startswith(("local:", "hf:"))
    detail = f"{kind} on {device}" if there else f"{kind} is not installed"
    return Check("engine", there, detail, "Models on this computer cannot run.", "make setup", local)


def _store_check(settings: Settings) -> Check:
    from assistant.knowledge.stores import NAMES, choose

    kind = choose(settings)
    if settings.store.url:
        _try_store(settings, kind)
        return Check("store", True, f"{NAMES[kind]} at {settings.store.url} answers")
    return Check("store", True, f"embedded {NAMES[kind]} in {settings.home / 'store'}")


def _try_store(settings: Settings, kind: str) -> None:
    if kind == "pinecone":
        from assistant.knowledge.stores.pinecone import try_index

        try_index(settings)
    else:
        from assistant.knowledge.stores.weaviate import connect

        connect(settings, "doctor", 1).close()


def _weaviate(settings: Settings) -> Check:
    from assistant.knowledge import weaviate_binary

    if settings.store.url or settings.store.kind not in ("auto", "weaviate"):
        return Check("weaviate", True, "an embedded one is not asked for", needed=False)
    found = weaviate_binary.find(settings)
    detail = f"{found}" if found else f"no binary for version {weaviate_binary.VERSION}"
    costs = "Documents are kept in Chroma: slower on many documents, and one process at a time."
    return Check("weaviate", found is not None, detail, costs, "make setup", needed=False)


def _device(settings: Settings) -> str:
    """`cuda` or `cpu`, without loading torch where the machine has no NVIDIA device at all."""
    if settings.models.device != "auto":
        return settings.models.device
    if not any(Path("/dev").glob("nvidia[0-9]*")) and sys.platform == "linux":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _gpu(settings: Settings, device: str) -> Check:
    present = any(Path("/dev").glob("nvidia[0-9]*"))
    if device == "cuda":
        return Check("gpu", True, "models run on CUDA", needed=False)
    if present and settings.models.device == "auto":
        cure = "Install torch with CUDA: pip install --force-reinstall torch"
        return Check("gpu", False, "there is a GPU, but this torch cannot use it", "Answers take longer.", cure, False)
    return Check("gpu", True, "none is used; the default models do well without", needed=False)


def _key_checks(settings: Settings) -> list[Check]:
    """Whether the keys of providers that are in use are set. Their values are never shown."""
    from assistant.providers.failures import KEYS

    names = (settings.models.chat, settings.models.tuned, settings.models.fallback, settings.models.judge)
    used = {name.partition(":")[0] for name in names if name}
    checks = []
    for provider, variable in KEYS.items():
        there = bool(os.environ.get(variable))
        needed = provider in used and not (provider == "openai" and settings.models.base_url)
        detail = f"{variable} is set" if there else f"{variable} is not set" + ("" if needed else "; no model needs it")
        costs = f"{provider} models do not answer."
        checks.append(
            Check(f"{provider} key", there or not needed, detail, costs, f"Put {variable}=… into .env.", needed)
        )
    return checks


def _browser() -> Check:
    found = next((path for name in _CHROMIUM if (path := shutil.which(name))), None)
    costs = "Only the browser tests are skipped."
    return Check("browser", found is not None, found or "no Chromium", costs, "apt-get install chromium", needed=False)


def _service(settings: Settings) -> Check:
    service = find_service(settings.home)
    if service:
        return Check("service", True, f"serves at {service.url}, process {service.pid}", needed=False)
    costs = "Every command loads the models anew."
    return Check("service", False, "none runs for this home", costs, "crossroads serve", needed=False)


def _store(settings: Settings) -> dict[str, Any]:
    """What the store is and holds, as the catalogue says; the store itself is not started for that."""
    from assistant.knowledge.weaviate_server import status

    if (settings.home / "records.db").is_file():
        from assistant.database import open_database
        from assistant.knowledge.catalogue import Catalogue
        from assistant.shelf import stored

        engine = open_database(settings)
        stats = stored(settings, Catalogue(engine))
        engine.dispose()
    else:
        stats = _nothing_stored(settings)
    running = status(settings) if stats.kind == "weaviate" and not stats.url else None
    url = stats.url or (running.url if running else "")
    return {
        "kind": stats.kind,
        "version": stats.version,
        "url": url,
        "documents": stats.documents,
        "chunks": stats.chunks,
    }


def _nothing_stored(settings: Settings) -> StoreStats:
    from assistant.shelf import store_of

    kind, version = store_of(settings)
    return StoreStats(kind, version, settings.store.url)
