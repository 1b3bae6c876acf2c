"""The footer: which model, which store, and whether anything leaves this computer. It says so only when it is true."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from assistant.config import Settings
from assistant.knowledge.types import StoreStats
from assistant.ui.words import count

_HERE = {"local", "hf", "fake"}
_HOSTED = {"openai": "OPENAI_BASE_URL", "ollama": "OLLAMA_HOST"}
_NAMES = {"smollm2-135m-instruct": "SmolLM2-135M"}
_SERVICES = {"openai": "OpenAI", "azure_openai": "Azure OpenAI", "anthropic": "Anthropic", "ollama": "Ollama"}
_STORES = {"weaviate": "Weaviate", "chroma": "Chroma", "faiss": "FAISS", "pinecone": "Pinecone"}


def footer(settings: Settings, model: str, stats: StoreStats | None, without: str = "documents out of reach") -> str:
    """One line of plain text; `without` stands for the store where there are no `stats`."""
    store = _store(stats) if stats else without
    return " · ".join((_model(model, settings), store, _leaves(settings, model, stats)))


def model_name(model: str) -> str:
    """A model as people call it."""
    name = model.partition(":")[2] or model
    return _NAMES.get(name, name)


def remote_place(model: str, settings: Settings) -> str:
    """The host or service a model runs on, empty where it is this computer."""
    provider = model.partition(":")[0]
    if provider in _HERE or not model:
        return ""
    address = settings.models.base_url if provider == "openai" else ""
    address = address or os.environ.get(_HOSTED.get(provider, ""), "")
    if not address:
        return "" if provider == "ollama" else _SERVICES.get(provider, provider)
    return "" if is_loopback(address) else (_host(address) or address)


def is_loopback(address: str) -> bool:
    """Whether an address is this computer."""
    host = _host(address)
    if host in {"", "localhost"} or host.endswith(".localhost"):
        return host != ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(address: str) -> str:
    return (urlsplit(address if "//" in address else f"//{address}").hostname or "").lower()


def _model(model: str, settings: Settings) -> str:
    place = remote_place(model, settings)
    return f"{model_name(model)} {'at ' + place if place else 'on this computer'}"


def _store(stats: StoreStats) -> str:
    name = _STORES.get(stats.kind, stats.kind)
    version = ".".join(stats.version.split(".")[:2])
    label = f"{name} {version}".strip()
    return f"{label}, {count(len(stats.collections), 'collection')}, {count(stats.documents, 'document')}"


def _leaves(settings: Settings, model: str, stats: StoreStats | None) -> str:
    asked = (model, settings.models.embedding, settings.models.fallback, settings.models.judge)
    places = [remote_place(name, settings) for name in (*asked, settings.models.tuned, settings.models.grounding)]
    store = settings.store.url or (stats.url if stats else "")
    if store and not is_loopback(store):
        places.append(_host(store) or store)
    away = list(dict.fromkeys(place for place in places if place))
    return f"questions and passages may go to {', '.join(away)}" if away else "nothing leaves this machine"
