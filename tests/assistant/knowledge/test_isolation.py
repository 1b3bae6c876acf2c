"""A question never reaches another collection's chunks, however it is asked."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.database import open_database
from assistant.knowledge import weaviate_binary, weaviate_server
from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.catalogue import Catalogue
from assistant.knowledge.filters import Filters
from assistant.knowledge.indexing import identity
from assistant.knowledge.stores import open_store
from assistant.providers.embedding import HashedWords
from graphs.errors import UsageError

CACHE = Path(os.environ.get("CROSSROADS_CACHE") or Settings().cache)
SECRET = "The vault opens with the word heliotrope."


@pytest.fixture(scope="module", params=["faiss", pytest.param("weaviate", marks=pytest.mark.weaviate)])
def knowledge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    if request.param == "faiss":
        pytest.importorskip("faiss", reason="FAISS is not installed: the extra `faiss`")
    elif weaviate_binary.find(Settings(cache=CACHE)) is None:
        pytest.skip(f"no Weaviate binary in {CACHE / 'bin'}; `make setup` gets it")
    folder = tmp_path_factory.mktemp("isolation")
    settings = Settings(home=folder / "home", cache=CACHE, store={"kind": request.param, "linger": 1})
    model = HashedWords()
    fingerprint, dimensions = identity(model)
    store = open_store(settings, fingerprint=fingerprint, dimensions=dimensions)
    with KnowledgeBase(settings, Catalogue(open_database(settings)), store, model) as made:
        (folder / "vault.md").write_text(f"# Vault\n\n{SECRET}")
        (folder / "menu.md").write_text("# Menu\n\nThe kitchen opens at noon.")
        made.ingest([folder / "vault.md"], "bank")
        made.ingest([folder / "menu.md"], "restaurant")
        yield made
    weaviate_server.stop(settings)


def texts(knowledge: KnowledgeBase, collection: str, filters: Filters | None = None) -> str:
    hits = knowledge.search("What word opens the vault? heliotrope", collection, k=20, filters=filters)
    return " ".join(hit.chunk.text for hit in hits)


def test_the_very_words_find_nothing_next_door(knowledge: KnowledgeBase) -> None:
    assert "heliotrope" in texts(knowledge, "bank")
    assert "heliotrope" not in texts(knowledge, "restaurant")
    assert "heliotrope" not in texts(knowledge, "empty")


def test_naming_the_other_document_does_not_help(knowledge: KnowledgeBase) -> None:
    [secret] = knowledge.documents("bank")

    for filters in (
        Filters(document=secret.document_id),
        Filters(document=secret.source),
        Filters(source="*"),
        Filters(source="*vault*"),
        Filters(title="Vault"),
        Filters(heading="Vault"),
        Filters(after="2000-01-01"),
    ):
        assert "heliotrope" not in texts(knowledge, "restaurant", filters)


def test_the_store_itself_keeps_them_apart(knowledge: KnowledgeBase) -> None:
    [secret] = knowledge.documents("bank")
    ids = sorted(knowledge.store.chunk_ids("bank", secret.document_id))
    assert ids

    assert knowledge.store.get("restaurant", ids) == {}
    assert knowledge.store.chunk_ids("restaurant", secret.document_id) == set()
    knowledge.store.remove("restaurant", secret.document_id)
    assert "heliotrope" in texts(knowledge, "bank")


@pytest.mark.parametrize(
    "name",
    ["../bank", "bank/../bank", "bank'", 'bank" OR "1"="1', "bank\0", "bank\n", "ban%", "*", "b_nk ", "Bänk", "-bank",
     "b" * 64],
)  # fmt: skip
def test_a_name_with_odd_characters_is_refused(knowledge: KnowledgeBase, name: str) -> None:
    with pytest.raises(UsageError):
        knowledge.search("heliotrope", name)
    with pytest.raises(UsageError):
        knowledge.ingest([], name)


@pytest.mark.parametrize("name", ["Bank", "BANK", "bank-", "bank_", "b_nk", "ban"])
def test_a_name_that_is_nearly_the_same_is_another_collection(knowledge: KnowledgeBase, name: str) -> None:
    assert texts(knowledge, name) == ""


def test_the_same_document_in_two_collections_is_two(knowledge: KnowledgeBase, tmp_path: Path) -> None:
    (tmp_path / "same.md").write_text("# Same\n\nBoth houses know this.")
    knowledge.ingest([tmp_path / "same.md"], "one")
    knowledge.ingest([tmp_path / "same.md"], "two")

    knowledge.delete(collection="one")

    assert texts(knowledge, "one") == ""
    assert [info.collection for info in knowledge.documents() if info.title == "Same"] == ["two"]


def test_writers_at_once_do_not_mix(knowledge: KnowledgeBase, tmp_path: Path) -> None:
    barrier = threading.Barrier(4)
    for number in range(4):
        (tmp_path / f"{number}.md").write_text(f"# Note\n\nOnly collection number {number} holds token{number}.")

    def work(number: int) -> list[str]:
        barrier.wait(30)
        name = f"race{number}"
        for _ in range(3):
            knowledge.ingest([tmp_path / f"{number}.md"], name)
            found = knowledge.search("token0 token1 token2 token3", name, k=20)
            if _ < 2:
                knowledge.delete(collection=name)
        return [hit.chunk.text for hit in found]

    with ThreadPoolExecutor(4) as pool:
        for number, found in enumerate(pool.map(work, range(4))):
            assert len(found) == 1
            assert f"token{number}." in found[0]
