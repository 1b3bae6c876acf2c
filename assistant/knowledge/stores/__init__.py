"""Vector stores: which one a home uses, and how it is opened."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, get_args

from assistant.config import Settings
from assistant.knowledge import weaviate_binary
from assistant.knowledge.types import ChunkStore
from graphs.errors import StorageError, StoreError

Kind = Literal["weaviate", "chroma", "faiss", "pinecone"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NAMES: dict[str, str] = {"weaviate": "Weaviate", "chroma": "Chroma", "faiss": "FAISS", "pinecone": "Pinecone"}
"""What a person calls them."""
_PACKAGES = {"chroma": "chromadb", "faiss": "faiss", "pinecone": "pinecone"}
_DISTRIBUTIONS = {"chroma": "chromadb", "faiss": "faiss-cpu", "pinecone": "pinecone"}
log = logging.getLogger(__name__)


def open_store(settings: Settings, *, fingerprint: str, dimensions: int, settle: bool = True) -> ChunkStore:
    """Open the store the settings name; `auto` is the embedded Weaviate where its binary is, else Chroma.

    `fingerprint` names the embedding model: chunks of two models never mix. A home that holds chunks in one kind of
    store is never quietly opened with the other: what is put settles it, unless `settle` is False.

    Raises `StoreError` when the store cannot be opened, with the cure.
    """
    kind = choose(settings)
    note = _Memory(settings)

    def remember() -> None:
        if settle:
            note.write(kind)

    if kind == "weaviate":
        from assistant.knowledge.stores import weaviate

        if settings.store.url:
            return weaviate.connect(settings, fingerprint, dimensions)
        return weaviate.open_embedded(settings, fingerprint, dimensions, on_put=remember)
    if kind == "pinecone":
        from assistant.knowledge.stores.pinecone import PineconeStore

        return PineconeStore(settings, fingerprint, dimensions, on_put=remember)
    folder = settings.home / "store" / kind
    if kind == "faiss":
        from assistant.knowledge.stores.faiss import FaissStore

        return FaissStore(folder, fingerprint, dimensions, on_put=remember)
    from assistant.knowledge.stores.chroma import ChromaStore

    return ChromaStore(folder, fingerprint, dimensions, on_put=remember)


def version_of(kind: str) -> str:
    """The version of a store of our own; a server's is known once it was asked."""
    if kind == "weaviate":
        return weaviate_binary.VERSION
    try:
        return version(_DISTRIBUTIONS[kind])
    except (KeyError, PackageNotFoundError):
        return ""


def settled(settings: Settings, kind: Kind) -> None:
    """Note that the home's chunks are in that kind of store from now on."""
    _Memory(settings).write(kind)


def choose(settings: Settings) -> Kind:
    """The kind of store `open_store` opens. Raises `StoreError` when that kind cannot be had here."""
    if settings.store.url and settings.store.kind != "pinecone":
        if settings.store.kind in ("chroma", "faiss"):
            raise StoreError(
                f"store.url is {settings.store.url!r}, but store.kind is {settings.store.kind!r}, "
                "which has no address.",
                "Unset one of the two.",
            )
        return "weaviate"
    held = _Memory(settings).kind()
    if settings.store.kind == "auto":
        return _auto(settings, held)
    if held and held != settings.store.kind:
        log.warning("%s holds chunks in %s, but store.kind is %r.", settings.home, held, settings.store.kind)
    _require(settings.store.kind, settings, held)
    return settings.store.kind


def _auto(settings: Settings, held: Kind | None) -> Kind:
    if held:
        _require(held, settings, held)
        return held
    if weaviate_binary.find(settings):
        return "weaviate"
    if _is_there("chroma"):
        return "chroma"
    raise StoreError(
        "There is neither a Weaviate binary nor Chroma to keep documents in.",
        "Run `make setup`, or `pip install 'crossroads-assistant[chroma]'`, or set store.url to a Weaviate server.",
    )


def _require(kind: Kind, settings: Settings, held: Kind | None) -> None:
    other = "chroma" if kind == "weaviate" else "weaviate"
    start_over = f", or set store.kind to {other!r} and ingest them again" if held == kind else ""
    what = f"The documents of {settings.home} are kept in {kind}" if held == kind else f"store.kind is {kind!r}"
    if kind == "weaviate" and not weaviate_binary.find(settings):
        raise StoreError(f"{what}, but there is no Weaviate binary in {settings.cache / 'bin'}.",
                         f"Run `make setup` to get it{start_over}.")  # fmt: skip
    if kind != "weaviate" and not _is_there(kind):
        raise StoreError(f"{what}, but {NAMES[kind]} is not installed.",
                         f"Run `pip install 'crossroads-assistant[{kind}]'`{start_over}.")  # fmt: skip


def _is_there(kind: Kind) -> bool:
    return importlib.util.find_spec(_PACKAGES[kind]) is not None


class _Memory:
    """The note in the home that says in which kind of store its chunks are; written when the first ones are."""

    def __init__(self, settings: Settings) -> None:
        self._note: Path = settings.home / "store" / "kind.json"
        self._written: Kind | None = None

    def kind(self) -> Kind | None:
        try:
            kind = json.loads(self._note.read_text(encoding="utf-8"))["kind"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            kind = "unreadable"
        if kind not in KINDS:
            others = ", ".join(f'"{name}"' for name in KINDS[1:])
            raise StoreError(
                f"{self._note} does not name a store.", f'It should be {{"kind": "weaviate"}} or {others}.'
            )
        return kind  # type: ignore[no-any-return]

    def write(self, kind: Kind) -> None:
        if self._written == kind:
            return
        try:
            self._note.parent.mkdir(parents=True, exist_ok=True)
            part = self._note.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
            part.write_text(json.dumps({"kind": kind}), encoding="utf-8")
            part.replace(self._note)
            self._written = kind
        except OSError as error:
            raise StorageError(f"{self._note} cannot be written: {error}.", "Free space or mend its rights.") from None
