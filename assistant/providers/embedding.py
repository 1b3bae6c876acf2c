"""Building an embedding model for each provider. All vectors have unit length."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from assistant.config import Settings
from assistant.knowledge.recent import RecentVectors
from assistant.knowledge.types import Vectors
from assistant.providers.building import _library, _missing_key
from assistant.providers.failures import explain
from assistant.providers.names import ModelName
from graphs.errors import NotFoundError, UsageError


class GuardedEmbeddings(Embeddings):
    """A provider's embeddings with typed errors and unit vectors."""

    def __init__(self, inner: Embeddings, name: ModelName, timeout: float) -> None:
        self.inner = inner
        self.name = name
        self.timeout = timeout
        self._documents = RecentVectors(self._embedded)
        self._questions = RecentVectors(self._asked, most=512)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One unit vector a text; those embedded lately are not asked for again. Raises `graphs.errors` classes."""
        return [vector.tolist() for vector in self._documents.embed(texts)]

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question. Raises `graphs.errors` classes."""
        vector: list[float] = self._questions.embed([text])[0].tolist()
        return vector

    def _embedded(self, texts: Sequence[str]) -> Vectors:
        try:
            return _units(self.inner.embed_documents(list(texts)))
        except Exception as error:
            raise explain(error, self.name, self.timeout) from error

    def _asked(self, texts: Sequence[str]) -> Vectors:
        try:
            return _units([self.inner.embed_query(text) for text in texts])
        except Exception as error:
            raise explain(error, self.name, self.timeout) from error


class HashedWords(Embeddings):
    """`fake:words`: texts that share words are near each other. No model, the same on every machine."""

    def __init__(self, dimensions: int = 384) -> None:
        self.dimensions = dimensions

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One unit vector a text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a text."""
        vector = [0.0] * self.dimensions
        for word in re.findall(r"\w+", text.lower()) or [""]:
            digest = hashlib.sha256(word.encode()).digest()
            vector[int.from_bytes(digest[:4], "big") % self.dimensions] += 1.0 if digest[4] % 2 else -1.0
        return _unit(vector) if any(vector) else [1.0] + [0.0] * (self.dimensions - 1)


def build_embeddings(name: ModelName, settings: Settings) -> Embeddings:
    """See `assistant.providers.embeddings`."""
    if name.provider == "fake":
        return _fake(name)
    if name.provider in {"local", "hf"}:
        from assistant.knowledge.embedding import LocalEmbeddings

        return LocalEmbeddings(_folder(name, settings), settings)
    builders = {"openai": _openai, "azure_openai": _azure, "ollama": _ollama}
    if name.provider not in builders:
        known = ", ".join(["local", "hf", *builders])
        raise UsageError(f"{name.provider!r} has no embedding models.", f"Embeddings come from: {known}.")
    return GuardedEmbeddings(builders[name.provider](name, settings), name, settings.models.timeout)


def _fake(name: ModelName) -> Embeddings:
    if name.model != "words":
        raise UsageError(f"There is no fake embedding {name.model!r}.", "The one there is: fake:words.")
    return HashedWords()


def _folder(name: ModelName, settings: Settings) -> Path:
    """Where a local embedding model's files are: the catalogue's, the registry's, a folder, or the hub's cache."""
    from assistant.models import CATALOGUE, ensure
    from training.registry import Registry

    if name.provider == "hf":
        return _hub_folder(name)
    entry = CATALOGUE.get(name.model)
    if entry is not None and entry.kind == "embedding":
        return ensure(name.model, settings)
    registry = Registry(settings.home / "models")
    version = registry.live(name.model)
    if version is None or version.kind != "embedding":
        known = ", ".join(n for n, model in CATALOGUE.items() if model.kind == "embedding")
        raise NotFoundError(f"There is no local embedding model {name.model!r}.", f"In the catalogue: {known}.")
    return registry.folder(version.name, version.version)


def _hub_folder(name: ModelName) -> Path:
    folder = Path(name.model).expanduser()
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.txt", "*.safetensors", "*.model"]
    try:
        return Path(snapshot_download(name.model, allow_patterns=patterns))
    except Exception as error:
        cure = "Give a folder, or a repository of the hub that can be reached from here."
        raise NotFoundError(f"{name.full} is no folder and could not be fetched ({error}).", cure) from error


def _openai(name: ModelName, settings: Settings) -> Embeddings:
    module: Any = _library("langchain_openai", name)
    key, base = os.environ.get("OPENAI_API_KEY", ""), settings.models.base_url
    if not key and not base:
        raise _missing_key(name, "OPENAI_API_KEY")
    options = {"timeout": settings.models.timeout, "max_retries": settings.models.retries}
    made: Embeddings = module.OpenAIEmbeddings(
        model=name.model,
        base_url=base or None,
        api_key=key or "none",
        check_embedding_ctx_length=not base,  # other servers take text, not OpenAI's token ids
        **options,
    )
    return made


def _azure(name: ModelName, settings: Settings) -> Embeddings:
    module: Any = _library("langchain_openai", name)
    for variable in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"):
        if not os.environ.get(variable):
            raise _missing_key(name, variable)
    made: Embeddings = module.AzureOpenAIEmbeddings(
        azure_deployment=name.model,
        api_version=os.environ.get("OPENAI_API_VERSION", "2024-10-21"),
        check_embedding_ctx_length=False,  # passages are short, and counting tokens asks a server besides Azure's
        timeout=settings.models.timeout,
        max_retries=settings.models.retries,
    )
    return made


def _ollama(name: ModelName, settings: Settings) -> Embeddings:
    module: Any = _library("langchain_ollama", name)
    made: Embeddings = module.OllamaEmbeddings(model=name.model, client_kwargs={"timeout": settings.models.timeout})
    return made


def _units(vectors: Sequence[list[float]]) -> Vectors:
    import numpy as np

    return np.array([_unit(vector) for vector in vectors])


def _unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else list(vector)
