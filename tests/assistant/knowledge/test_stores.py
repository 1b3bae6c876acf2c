"""What every store must do: one suite for Weaviate (embedded and by URL), Chroma, FAISS, and Pinecone's protocol."""

from __future__ import annotations

import importlib.util
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from assistant.config import Settings, Store
from assistant.knowledge import weaviate_binary, weaviate_server
from assistant.knowledge.stores import KINDS, open_store
from assistant.knowledge.types import Chunk, ChunkStore, Vectors, Where
from graphs.errors import StoreError
from tests.assistant.knowledge.pinecone_server import KEY, serve

DIMENSIONS = 16
CACHE = Path(os.environ.get("CROSSROADS_CACHE") or Settings().cache)
HAS_WEAVIATE = weaviate_binary.find(Settings(cache=CACHE)) is not None
PACKAGES = {"chroma": "chromadb", "faiss": "faiss", "pinecone": "pinecone"}
WITHOUT_BINARY = f"no Weaviate binary in {CACHE / 'bin'}; `make setup` gets it"
needs_weaviate = pytest.mark.skipif(not HAS_WEAVIATE, reason=WITHOUT_BINARY)
STORES = [
    pytest.param("embedded", marks=pytest.mark.weaviate),
    pytest.param("url", marks=pytest.mark.weaviate),
    "chroma",
    "faiss",
    "pinecone",
]
Opener = Callable[..., ChunkStore]
_numbers = itertools.count()


def axis(number: int, toward: int | None = None, share: float = 0.0) -> Vectors:
    """A unit vector along one axis, leaning toward another by `share`; cosines are known beforehand."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    vector[number] = np.sqrt(1 - share**2)
    if toward is not None:
        vector[toward] = share
    return vector


def chunk(name: str, text: str, document: str = "d1", start: int = 0, **others: str | int | None) -> Chunk:
    return Chunk(name, document, "handbook.md", "Handbook", text, start, start + len(text), **others)  # type: ignore[arg-type]


def stack(*vectors: Vectors) -> Vectors:
    return np.stack(vectors)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Settings]]:
    """One home with a server for both Weaviate stores, one for each of the others; no server is left at the end."""

    def home(name: str, **store: Any) -> Settings:
        return Settings(home=tmp_path_factory.mktemp(f"{name}-home"), cache=CACHE, store=Store(**store))

    served = home("weaviate", kind="weaviate", timeout=4, linger=60)
    with serve(DIMENSIONS) as (url, _):
        yield {
            "embedded": served,
            "url": served,
            "chroma": home("chroma", kind="chroma"),
            "faiss": home("faiss", kind="faiss"),
            "pinecone": home("pinecone", kind="pinecone", url=url, api_key=KEY),
        }
    weaviate_server.stop(served)
    assert weaviate_server.status(served) is None


def by_url(settings: Settings, **others: str | float) -> Settings:
    """Settings that reach the home's server as somebody else's: by address, port and key."""
    with_lease = weaviate_server.lease(settings)
    server = with_lease.server()
    with_lease.close()
    named = {"url": server.url, "grpc_port": server.grpc_port, "api_key": server.key, "timeout": 4, **others}
    return Settings(home=settings.home / "elsewhere", cache=settings.cache, store=Store(**named))  # type: ignore[arg-type]


@pytest.fixture(params=STORES)
def opener(request: pytest.FixtureRequest, homes: dict[str, Settings]) -> Iterator[Opener]:
    """Opens another connection to the same store; all are closed at the end."""
    package = PACKAGES.get(request.param)
    if package and importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: the extra `{request.param}`")
    if not package and not HAS_WEAVIATE:
        pytest.skip(WITHOUT_BINARY)
    opened: list[ChunkStore] = []

    def open_another(fingerprint: str = "model-1", dimensions: int = DIMENSIONS) -> ChunkStore:
        settings = homes[request.param]
        settings = by_url(settings) if request.param == "url" else settings
        opened.append(open_store(settings, fingerprint=fingerprint, dimensions=dimensions))
        return opened[-1]

    yield open_another
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> ChunkStore:
    return opener()


@pytest.fixture
def name() -> str:
    """A collection of the test's own."""
    return f"test-{next(_numbers)}"


def ids(hits: list) -> list[str]:  # type: ignore[type-arg]
    return [hit.chunk.chunk_id for hit in hits]


def test_says_what_and_where_it_is(store: ChunkStore) -> None:
    assert store.ready()
    assert store.kind in KINDS
    assert store.version[0].isdigit()
    assert store.url


def test_puts_and_counts(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "one"), chunk("b", "two", start=10)], stack(axis(0), axis(1)))

    assert store.count(name) == 2
    assert store.chunk_ids(name, "d1") == {"a", "b"}


def test_putting_again_overwrites(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "old words")], stack(axis(0)))
    store.put(name, [chunk("a", "new words")], stack(axis(1)))

    [hit] = store.search(name, "new", axis(1), 5, 0.5)

    assert store.count(name) == 1
    assert hit.chunk.text == "new words"
    assert hit.similarity == pytest.approx(1.0, abs=1e-5)
    assert store.search(name, "old", axis(1), 5, 0) == []


def test_the_same_chunk_twice_in_one_put_counts_once(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "first"), chunk("a", "second")], stack(axis(0), axis(1)))

    assert store.count(name) == 1


def test_more_than_a_batch(store: ChunkStore, name: str) -> None:
    vectors = np.random.default_rng(7).normal(size=(1205, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chunks = [chunk(f"c{number}", f"passage {number}", start=number) for number in range(len(vectors))]

    store.put(name, chunks, vectors)

    assert store.count(name) == 1205
    assert ids(store.search(name, "", vectors[1204], 1, 1)) == ["c1204"]


def test_nothing_to_put_is_fine(store: ChunkStore, name: str) -> None:
    store.put(name, [], np.zeros((0, DIMENSIONS), dtype=np.float32))

    assert store.count(name) == 0


def test_chunks_and_vectors_must_match(store: ChunkStore, name: str) -> None:
    with pytest.raises(ValueError, match="1 chunks, but 2 vectors"):
        store.put(name, [chunk("a", "one")], stack(axis(0), axis(1)))


def test_removes_one_document_and_no_other(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "alpha"), chunk("b", "beta", document="d2")], stack(axis(0), axis(1)))

    store.remove(name, "d1")

    assert store.count(name) == 1
    assert store.chunk_ids(name, "d1") == set()
    assert ids(store.search(name, "alpha beta", axis(0), 5, 0.5)) == ["b"]


def test_removing_what_is_not_there_is_fine(store: ChunkStore, name: str) -> None:
    store.remove(name, "nobody")
    store.put(name, [chunk("a", "one")], stack(axis(0)))
    store.remove(name, "nobody")

    assert store.count(name) == 1


def test_a_similar_document_id_is_another_document(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "x", document="Doc-1"), chunk("b", "y", document="doc-1")], stack(axis(0), axis(1)))

    store.remove(name, "doc-1")

    assert store.chunk_ids(name, "Doc-1") == {"a"}


def test_drops_a_collection(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "one")], stack(axis(0)))

    store.drop(name)
    store.drop(name)

    assert store.count(name) == 0
    assert store.search(name, "one", axis(0), 5, 0.5) == []
    assert store.chunk_ids(name, "d1") == set()


def test_a_dropped_collection_can_be_filled_again(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "one")], stack(axis(0)))
    store.drop(name)
    store.put(name, [chunk("b", "two")], stack(axis(1)))

    assert ids(store.search(name, "two", axis(1), 5, 0.5)) == ["b"]


def test_an_empty_collection_has_nothing(store: ChunkStore, name: str) -> None:
    assert store.count(name) == 0
    assert store.search(name, "anything", axis(0), 5, 0.6) == []
    assert store.chunk_ids(name, "d1") == set()


def test_words_find_a_rare_identifier(store: ChunkStore, name: str) -> None:
    texts = [f"Part {number} of the manual: order code ZX{number:05d}." for number in range(200)]
    chunks = [chunk(f"c{number}", text, start=number * 50) for number, text in enumerate(texts)]
    store.put(name, chunks, stack(*[axis(0)] * 200))

    hits = store.search(name, "what is ZX00137?", axis(1), 3, 0)

    assert ids(hits)[0] == "c137"
    assert hits[0].score == pytest.approx(1.0)


def test_words_in_a_title_or_heading_count(store: ChunkStore, name: str) -> None:
    chunks = [chunk("a", "It lasts long.", heading="Warranty"), chunk("b", "It lasts long.", start=20)]
    store.put(name, chunks, stack(axis(0), axis(0)))

    assert ids(store.search(name, "warranty", axis(0), 2, 0)) == ["a"]


def test_a_vector_finds_what_no_word_would(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "Kater"), chunk("b", "Bagger", start=9)], stack(axis(0), axis(1)))

    hits = store.search(name, "tomcat", axis(1, toward=0, share=0.6), 2, 1)

    assert ids(hits) == ["b", "a"]
    assert [hit.similarity for hit in hits] == pytest.approx([0.8, 0.6], abs=1e-5)


def test_the_hybrid_shares_by_alpha(store: ChunkStore, name: str) -> None:
    chunks = [chunk("word", "walrus"), chunk("near", "seal", start=9), chunk("far", "tractor", start=18)]
    store.put(name, chunks, stack(axis(0), axis(1), axis(2)))
    leaning = axis(1, toward=0, share=0.6)

    scores = {hit.chunk.chunk_id: hit.score for hit in store.search(name, "walrus", leaning, 3, 0.5)}

    assert scores["word"] == pytest.approx(0.5 * 0.75 + 0.5, abs=1e-3)
    assert scores["near"] == pytest.approx(0.5, abs=1e-3)
    assert scores["far"] == pytest.approx(0.0, abs=1e-3)


def test_hits_come_best_first_and_no_more_than_asked(store: ChunkStore, name: str) -> None:
    chunks = [chunk(f"c{number}", "same words", start=number) for number in range(10)]
    store.put(name, chunks, stack(*[axis(0, toward=1, share=number / 10) for number in range(10)]))

    hits = store.search(name, "same words", axis(1), 4, 0.7)

    assert ids(hits) == ["c9", "c8", "c7", "c6"]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_hit_only_words_found_has_its_cosine_too(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "walrus"), chunk("b", "seal", start=9)], stack(axis(0, toward=1, share=0.6), axis(1)))

    [hit] = store.search(name, "walrus", axis(1), 5, 0)

    assert hit.similarity == pytest.approx(0.6, abs=1e-5)


def test_every_field_comes_back_as_it_was(store: ChunkStore, name: str) -> None:
    text = "Ünïcode ☃ 漢字 \U0001f980 \"quoted\" 'single'\n\ttab \\ end \u200f\u05d0"
    original = Chunk(
        "id/with:odd chars", "dök", "a b/ü.pdf", "Ti\ntle", text, 17, 17 + len(text), page=3, heading="H › h"
    )
    plain = chunk("plain", "nothing special", start=99)
    store.put(name, [original, plain], stack(axis(0), axis(1)))

    found = {hit.chunk.chunk_id: hit.chunk for hit in store.search(name, "", axis(0), 5, 1)}

    assert found[original.chunk_id] == original
    assert found["plain"] == plain


@pytest.mark.parametrize("text", ["", "   ", '"', 'a" OR b NEAR(', "text:*", "-^()'", "☃", "AND", "x" * 20_000])
def test_odd_questions_are_only_words(store: ChunkStore, name: str, text: str) -> None:
    store.put(name, [chunk("a", "alpha")], stack(axis(0)))

    assert ids(store.search(name, text, axis(0), 5, 0.5)) == ["a"]


def found(store: ChunkStore, name: str, where: Where, alpha: float = 0.5) -> set[str]:
    return set(ids(store.search(name, "alpha", axis(0), 9, alpha, where)))


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
def test_a_search_keeps_to_its_filter(store: ChunkStore, name: str, alpha: float) -> None:
    chunks = [
        chunk("a", "alpha", document="d1", page=1, heading="Prices › Old"),
        chunk("b", "alpha", document="d2", page=3, heading="Prices › New ones"),
        chunk("c", "alpha", document="D1", start=9),
    ]
    store.put(name, chunks, stack(*[axis(0, toward=1, share=0.1 * number) for number in range(3)]))

    assert found(store, name, Where(), alpha) == {"a", "b", "c"}
    assert found(store, name, Where(documents=frozenset({"d1", "nobody"})), alpha) == {"a"}
    assert found(store, name, Where(documents=frozenset()), alpha) == set()
    assert found(store, name, Where(heading="prices"), alpha) == {"a", "b"}
    assert found(store, name, Where(heading="new PRICES"), alpha) == {"b"}
    assert found(store, name, Where(pages=(2, 5)), alpha) == {"b"}
    assert found(store, name, Where(frozenset({"d1"}), "new"), alpha) == set()


def test_a_filter_is_never_read_as_a_question(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "alpha", heading="Prices")], stack(axis(0)))

    for odd in ('" OR 1=1 --', "prices) OR (x", "heading:*", "'; DROP TABLE chunks; --", "NEAR(", "*"):
        assert found(store, name, Where(documents=frozenset({odd}))) == set()
        found(store, name, Where(heading=odd))
    assert store.count(name) == 1


def test_both_halves_say_what_they_found(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "walrus"), chunk("b", "seal", start=9)], stack(axis(0), axis(1)))

    near = store.near(name, axis(0, toward=1, share=0.6), 5, Where())
    words = store.words(name, "walrus", 5, Where())

    assert near == pytest.approx({"a": 0.8, "b": 0.6}, abs=1e-5)
    assert set(words) == {"a"}
    hits = {hit.chunk.chunk_id: hit for hit in store.search(name, "walrus", axis(0), 5, 0.5)}
    assert (hits["a"].words > 0, hits["b"].words) == (True, 0)


def test_chunks_come_with_their_vectors(store: ChunkStore, name: str) -> None:
    chunks = [chunk(f"c{number}", "x", start=number) for number in range(130)]
    vectors = stack(*[axis(0, toward=1, share=number / 130) for number in range(130)])
    store.put(name, chunks, vectors)

    held = store.get(name, [*(one.chunk_id for one in chunks), "nobody"])

    assert [held[one.chunk_id][0] for one in chunks] == chunks
    assert np.allclose([held[one.chunk_id][1] for one in chunks], vectors, atol=1e-5)


def test_collections_do_not_see_each_other(store: ChunkStore, name: str) -> None:
    other = f"{name}-other"
    store.put(name, [chunk("a", "alpha")], stack(axis(0)))
    store.put(other, [chunk("a", "aleph"), chunk("b", "bet", document="d2")], stack(axis(1), axis(2)))

    store.remove(other, "d1")

    assert [hit.chunk.text for hit in store.search(name, "aleph bet alpha", axis(1), 9, 0.5)] == ["alpha"]
    assert (store.count(name), store.count(other)) == (1, 1)


def test_collections_may_differ_in_case_only(store: ChunkStore, name: str) -> None:
    store.put(name, [chunk("a", "alpha")], stack(axis(0)))
    store.put(name.upper(), [chunk("b", "beta"), chunk("c", "gamma")], stack(axis(0), axis(1)))

    assert (store.count(name), store.count(name.upper())) == (1, 2)


def test_models_do_not_mix(opener: Opener, name: str) -> None:
    first = opener("model-1")
    size = DIMENSIONS if first.kind == "pinecone" else 4  # an index of Pinecone's has one dimension
    second = opener("model-2", dimensions=size)
    first.put(name, [chunk("a", "alpha")], stack(axis(0)))

    assert second.count(name) == 0
    assert second.search(name, "alpha", np.full(size, size**-0.5, dtype=np.float32), 5, 0.5) == []


def test_removing_reaches_the_chunks_of_every_model(opener: Opener, name: str) -> None:
    first = opener("model-1")
    second = opener("model-2", dimensions=DIMENSIONS if first.kind == "pinecone" else 4)
    first.put(name, [chunk("a", "alpha"), chunk("b", "beta", document="d2")], stack(axis(0), axis(1)))

    second.remove(name, "d1")
    assert first.count(name) == 1
    second.drop(name)
    assert first.count(name) == 0


def test_one_model_can_be_cleared_without_the_others(opener: Opener, name: str) -> None:
    first = opener(f"old-{name}")
    second = opener(f"new-{name}")
    for one in (first, second):
        one.put(name, [chunk("a", "alpha"), chunk("b", "beta", document="d2")], stack(axis(0), axis(1)))

    second.remove(name, "d1", everywhere=False)
    assert (first.count(name), second.count(name)) == (2, 1)
    first.clear()
    assert (first.alive(), second.alive(), second.count(name)) == (True, True, 1)
    assert ids(second.search(name, "beta", axis(1), 5, 0.5)) == ["b"]


def test_two_connections_see_each_others_work(opener: Opener, name: str) -> None:
    one, other = opener(), opener()
    one.put(name, [chunk("a", "alpha")], stack(axis(0)))
    other.put(name, [chunk("b", "beta")], stack(axis(1)))

    assert ids(one.search(name, "beta", axis(1), 1, 0.5)) == ["b"]
    assert ids(other.search(name, "alpha", axis(0), 1, 0.5)) == ["a"]


def test_many_writers_at_once_lose_nothing(store: ChunkStore, name: str) -> None:
    barrier = threading.Barrier(4)

    def write(writer: int) -> None:
        barrier.wait()
        for number in range(5):
            one = chunk(f"{writer}-{number}", f"text {writer} {number}", document=f"d{writer}", start=number)
            store.put(name, [one], stack(axis(writer)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))

    assert store.count(name) == 20
    assert store.chunk_ids(name, "d2") == {f"2-{number}" for number in range(5)}


def test_what_was_put_is_there_after_closing(opener: Opener, name: str) -> None:
    first = opener()
    first.put(name, [chunk("a", "alpha")], stack(axis(0)))
    first.close()

    assert ids(opener().search(name, "alpha", axis(0), 5, 0.5)) == ["a"]


def test_what_another_process_writes_is_found(opener: Opener, homes: dict[str, Settings], name: str) -> None:
    program = """if True:
        import sys, numpy as np
        from assistant.config import Settings
        from assistant.knowledge.stores import open_store
        from assistant.knowledge.types import Chunk
        store = open_store(Settings.model_validate_json(sys.argv[1]), fingerprint="model-1", dimensions=16)
        store.put(sys.argv[2], [Chunk("b", "d2", "s", "t", "beta", 0, 4)], np.eye(16, dtype=np.float32)[1:2])
        store.close()
    """
    store = opener()
    store.put(name, [chunk("a", "alpha")], stack(axis(0)))
    assert ids(store.search(name, "", axis(1), 5, 1)) == ["a"]
    settings = homes.get(store.kind, homes["embedded"])

    subprocess.run([sys.executable, "-c", program, settings.model_dump_json(), name], check=True)

    assert ids(store.search(name, "", axis(1), 5, 1)) == ["b", "a"]


@pytest.mark.weaviate
@needs_weaviate
@pytest.mark.timeout(60)
def test_all_that_was_acknowledged_survives_a_killed_server(homes: dict[str, Settings], name: str) -> None:
    settings = homes["embedded"]
    store = open_store(settings, fingerprint="model-1", dimensions=DIMENSIONS)
    server = weaviate_server.status(settings)
    assert server
    for number in range(50):
        store.put(name, [chunk(f"c{number}", f"kept {number}", start=number)], stack(axis(number % DIMENSIONS)))
    newest = axis(0, toward=1, share=0.6)
    store.put(name, [chunk("newest", "kept last", start=50)], stack(newest))

    process = psutil.Process(server.pid)
    process.kill()
    psutil.wait_procs([process])

    assert store.count(name) == 51  # the same store, started again by its next use
    assert ids(store.search(name, "kept 33", axis(1), 1, 0)) == ["c33"]
    assert list(store.near(name, newest, 1, Where())) == ["newest"], "its vector was written down, too"
    assert store.url != server.url
    store.close()


@pytest.mark.weaviate
@needs_weaviate
@pytest.mark.timeout(60)
def test_a_server_that_went_down_is_an_error_in_time(homes: dict[str, Settings], name: str) -> None:
    settings = by_url(homes["url"], timeout=2)
    store = open_store(settings, fingerprint="model-1", dimensions=DIMENSIONS)
    store.put(name, [chunk("a", "alpha")], stack(axis(0)))
    weaviate_server.stop(homes["url"])

    with pytest.raises(StoreError, match=settings.store.url):
        store.search(name, "alpha", axis(0), 5, 0.5)
    with pytest.raises(StoreError, match=settings.store.url):
        store.put(name, [chunk("b", "beta")], stack(axis(1)))
    with pytest.raises(StoreError, match=settings.store.url):
        store.remove(name, "d1")
    assert not store.ready()
    store.close()


@pytest.mark.weaviate
@needs_weaviate
@pytest.mark.timeout(60)
def test_a_server_that_hangs_is_an_error_in_time(homes: dict[str, Settings], name: str) -> None:
    settings = by_url(homes["url"], timeout=3)
    store = open_store(settings, fingerprint="model-1", dimensions=DIMENSIONS)
    store.put(name, [chunk("a", "alpha")], stack(axis(0)))
    server = weaviate_server.status(homes["url"])
    assert server
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreError):
            store.search(name, "alpha", axis(0), 5, 0.5)
        with pytest.raises(StoreError):
            store.count(name)
    finally:
        os.kill(server.pid, signal.SIGCONT)

    assert store.count(name) == 1
    store.close()


@pytest.mark.weaviate
@needs_weaviate
@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_wrong_key_is_named_as_the_fault(homes: dict[str, Settings], key: str) -> None:
    settings = by_url(homes["url"], api_key=key)

    with pytest.raises(StoreError, match="refused the key") as caught:
        open_store(settings, fingerprint="model-1", dimensions=DIMENSIONS)

    assert "store.api_key" in caught.value.cure


@pytest.mark.timeout(30)
def test_nothing_at_the_url_is_an_error_with_a_cure(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, store=Store(url="http://127.0.0.1:9", timeout=2))

    with pytest.raises(StoreError, match=r"http://127\.0\.0\.1:9") as caught:
        open_store(settings, fingerprint="model-1", dimensions=DIMENSIONS)

    assert "store.url" in caught.value.cure


def test_a_document_of_more_than_a_page_is_listed_whole(
    store: ChunkStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.knowledge.stores.weaviate.PAGE", 7)
    chunks = [chunk(f"c{number}", "x", start=number * 3) for number in range(40)]
    store.put(name, chunks, stack(*[axis(0)] * 40))

    assert store.chunk_ids(name, "d1") == {one.chunk_id for one in chunks}
