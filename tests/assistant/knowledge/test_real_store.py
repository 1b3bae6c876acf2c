"""The knowledge base over the embedded stores themselves: found, cited, deleted, and whole again after a SIGKILL."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.config import Settings, Store
from assistant.knowledge import weaviate_binary, weaviate_server
from assistant.knowledge.base import KnowledgeBase, open_knowledge
from assistant.providers.embedding import HashedWords
from tests.assistant.knowledge.files import pdf

ROOT = Path(__file__).parents[3]
CACHE = Path(os.environ.get("CROSSROADS_CACHE") or Settings().cache)

SCRIPT = """
import sys
from pathlib import Path
from assistant.config import Settings, Store
from assistant.knowledge.base import open_knowledge
from assistant.providers.embedding import HashedWords

home, cache, kind, folder = sys.argv[1:]
settings = Settings(home=Path(home), cache=Path(cache), store=Store(kind=kind, linger=60))
with open_knowledge(settings, HashedWords()) as knowledge:
    knowledge.ingest([folder], on_progress=lambda step: step.state == "done" and print(step.source, flush=True))
"""


@pytest.fixture(params=[pytest.param("weaviate", marks=pytest.mark.weaviate), "chroma"])
def settings(request: pytest.FixtureRequest, home: Path) -> Iterator[Settings]:
    made = Settings(home=home, cache=CACHE, store=Store(kind=request.param, linger=60))
    if request.param == "weaviate" and weaviate_binary.find(made) is None:
        pytest.skip(f"no Weaviate binary in {CACHE / 'bin'}; `make setup` gets it")
    if request.param == "chroma" and importlib.util.find_spec("chromadb") is None:
        pytest.skip("Chroma is not installed: the extra `chroma`")
    yield made
    if request.param == "weaviate":
        weaviate_server.stop(made)


def assert_resolves(knowledge: KnowledgeBase, question: str) -> None:
    hits = knowledge.search(question, k=20)
    texts = {hit.chunk.chunk_id: knowledge.document(hit.chunk.document_id).text for hit in hits}
    assert hits
    assert all(texts[hit.chunk.chunk_id][hit.chunk.start : hit.chunk.end] == hit.chunk.text for hit in hits)


def test_documents_go_in_are_found_and_go_out(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("Nothing on this page.", "The warranty lasts\ntwo years, naïve façade."))
    (tmp_path / "b.md").write_text("# Hours 👩‍👩‍👧\n\nThe library\topens at nine.  \r\n\r\n- one\r\n- two")
    with open_knowledge(settings, HashedWords()) as knowledge:
        assert knowledge.ingest([tmp_path / "a.pdf", tmp_path / "b.md"]).failed == ()
        assert_resolves(knowledge, "warranty library")
        hit = knowledge.search("How long is the warranty?", k=1)[0].chunk
        assert (hit.page, hit.title) == (2, "a.pdf")
        knowledge.delete(hit.document_id)
        assert {found.chunk.title for found in knowledge.search("warranty", k=5)} == {"Hours 👩‍👩‍👧"}
        assert knowledge.store.count("documents") == knowledge.stats().chunks == 1


def test_what_was_acknowledged_before_a_kill_is_there_after_it(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.md").write_text(f"# Page {number}\n\n" + f"Fact number {number} is here. " * 60)
    command = [sys.executable, "-c", SCRIPT, str(settings.home), str(CACHE), settings.store.kind, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = {process.stdout.readline().strip() for _ in range(7)}
        process.send_signal(signal.SIGKILL)
        acknowledged |= {line.strip() for line in process.stdout}
    with open_knowledge(settings, HashedWords()) as knowledge:
        knowledge.mend()
        assert acknowledged <= {info.source for info in knowledge.documents()}
        assert_resolves(knowledge, "Fact number 3")
        report = knowledge.ingest([folder])
        assert (report.failed, len(knowledge.documents())) == ((), 30)
        assert knowledge.store.count("documents") == knowledge.stats().chunks
