"""Which store a home is opened with."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.config import Settings, Store
from assistant.knowledge import stores, weaviate_binary
from assistant.knowledge.stores import choose, open_store
from assistant.knowledge.stores.hybrid import fuse
from assistant.knowledge.stores.weaviate import class_name, parse_address
from assistant.knowledge.types import Chunk
from graphs.errors import StoreError

needs_chroma = pytest.mark.skipif(
    importlib.util.find_spec("chromadb") is None, reason="Chroma is not installed: the extra `chroma`"
)


@pytest.fixture
def chroma_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_is_there", lambda kind: True)


@pytest.fixture
def chroma_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_is_there", lambda kind: False)


def settings(folder: Path, held: str = "", binary: bool = False, **store: Any) -> Settings:
    made = Settings(home=folder / "home", cache=folder / "cache", store=Store(**store))
    if held:
        (made.home / "store").mkdir(parents=True)
        (made.home / "store" / "kind.json").write_text(held)
    if binary:
        path = weaviate_binary.place(made)
        path.parent.mkdir(parents=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return made


@pytest.mark.usefixtures("chroma_is_there")
def test_auto_prefers_weaviate(tmp_path: Path) -> None:
    assert choose(settings(tmp_path, binary=True)) == "weaviate"


@pytest.mark.usefixtures("chroma_is_there")
def test_auto_takes_chroma_without_a_binary(tmp_path: Path) -> None:
    assert choose(settings(tmp_path)) == "chroma"


@pytest.mark.usefixtures("chroma_is_missing")
def test_auto_with_neither_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="neither a Weaviate binary nor Chroma") as caught:
        choose(settings(tmp_path))

    assert "make setup" in caught.value.cure


@pytest.mark.usefixtures("chroma_is_there")
def test_auto_stays_with_what_holds_the_chunks(tmp_path: Path) -> None:
    assert choose(settings(tmp_path, held='{"kind": "chroma"}', binary=True)) == "chroma"


@pytest.mark.usefixtures("chroma_is_there")
def test_auto_does_not_quietly_leave_weaviate(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="kept in weaviate") as caught:
        choose(settings(tmp_path, held='{"kind": "weaviate"}'))

    assert "'chroma' and ingest them again" in caught.value.cure


@pytest.mark.usefixtures("chroma_is_there")
def test_a_named_kind_is_taken_and_the_change_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert choose(settings(tmp_path, held='{"kind": "weaviate"}', kind="chroma")) == "chroma"

    assert "holds chunks in weaviate" in caplog.text


@pytest.mark.usefixtures("chroma_is_missing")
@pytest.mark.parametrize(("kind", "cure"), [("weaviate", "make setup"), ("chroma", "pip install")])
def test_a_named_kind_that_is_missing_is_an_error(tmp_path: Path, kind: str, cure: str) -> None:
    with pytest.raises(StoreError, match=f"store.kind is '{kind}'") as caught:
        choose(settings(tmp_path, kind=kind))

    assert cure in caught.value.cure


def test_a_url_means_weaviate(tmp_path: Path) -> None:
    assert choose(settings(tmp_path, url="http://127.0.0.1:8080")) == "weaviate"


def test_a_url_for_chroma_is_a_contradiction(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="which has no address"):
        choose(settings(tmp_path, url="http://127.0.0.1:8080", kind="chroma"))


def test_an_unreadable_note_is_not_overlooked(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"kind\.json does not name a store"):
        choose(settings(tmp_path, held='{"kind": "mongo"}', binary=True))


@needs_chroma
def test_the_note_is_written_with_the_first_chunk(tmp_path: Path) -> None:
    made = settings(tmp_path, kind="chroma")
    store = open_store(made, fingerprint="model", dimensions=2)
    assert not (made.home / "store" / "kind.json").exists()

    store.put("docs", [Chunk("a", "d", "s", "t", "x", 0, 1)], np.asarray([[1, 0]], dtype=np.float32))
    store.close()

    assert (made.home / "store" / "kind.json").read_text() == '{"kind": "chroma"}'


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8080", ("http://localhost:8080", "localhost", 50051)),
        ("localhost:8080", ("http://localhost:8080", "localhost", 50051)),
        ("https://vectors.example.com/", ("https://vectors.example.com", "vectors.example.com", 50051)),
        ("https://abc.c0.weaviate.cloud", ("https://abc.c0.weaviate.cloud", "grpc-abc.c0.weaviate.cloud", 443)),
        ("https://abc.weaviate.network", ("https://abc.weaviate.network", "abc.grpc.weaviate.network", 443)),
    ],
)
def test_addresses_of_servers_and_of_weaviate_cloud(tmp_path: Path, url: str, expected: tuple[str, str, int]) -> None:
    address = parse_address(settings(tmp_path, url=url, api_key="k"))

    assert (address.url, address.grpc_host, address.grpc_port) == expected
    assert address.key == "k"


@pytest.mark.parametrize("url", ["ftp://somewhere", "http://", "http://host:port"])
def test_an_address_that_is_none_is_named(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError, match="is not an address"):
        parse_address(settings(tmp_path, url=url))


def test_every_model_has_a_class_of_its_own() -> None:
    names = {class_name("a", 384), class_name("b", 384), class_name("a", 768)}

    assert len(names) == 3
    assert all(name.startswith("Chunk_") for name in names)


def test_fusion_stretches_each_half_and_adds_the_shares() -> None:
    fused = fuse({"a": 0.9, "b": 0.5, "c": 0.1}, {"c": 12.0, "d": 2.0}, alpha=0.25)

    assert fused == pytest.approx({"c": 0.75, "a": 0.25, "b": 0.125, "d": 0.0})
    assert list(fused) == ["c", "a", "b", "d"]


def test_fusion_of_a_single_find_gives_its_whole_share() -> None:
    assert fuse({}, {"a": 0.0001}, alpha=0.5) == {"a": 0.5}


def test_the_weaviate_client_does_not_turn_on_warnings() -> None:
    code = (
        "import warnings; before = list(warnings.filters)\n"
        "from assistant.knowledge.stores.weaviate import _import_client\n"
        "_import_client()\n"
        "assert ('default', None, Warning, None, 0) not in warnings.filters\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(stores.__file__).parents[3],
        check=True,
        env={**os.environ, "PYTHONWARNINGS": ""},
    )


def test_faiss_has_no_address(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="'faiss', which has no address"):
        choose(settings(tmp_path, kind="faiss", url="http://localhost:8080"))


def test_pinecone_needs_the_host_of_an_index(tmp_path: Path) -> None:
    pytest.importorskip("pinecone", reason="Pinecone is not installed: the extra `pinecone`")
    with pytest.raises(StoreError, match="host of an index") as caught:
        open_store(settings(tmp_path, kind="pinecone"), fingerprint="model", dimensions=4)
    assert "PINECONE_API_KEY" in caught.value.cure


def test_the_store_of_a_home_is_remembered_by_its_kind(tmp_path: Path) -> None:
    assert choose(settings(tmp_path, held='{"kind": "faiss"}')) == "faiss"
