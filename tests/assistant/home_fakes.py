"""An assistant over the real graph, saver and database, with a knowledge base and a checker made of words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from assistant.app import Assistant
from assistant.config import Settings
from assistant.database import open_database
from assistant.knowledge.ingest import Upload
from assistant.knowledge.jobs import Jobs
from assistant.knowledge.types import Chunk, DocumentInfo, Hit, IngestProgress, IngestReport, StoreStats
from assistant.resources import Resources
from assistant.stores import open_saver
from graphs.answer import Grounding, SentenceSupport
from graphs.context import Reading
from graphs.errors import NotFoundError, StoreError

WARRANTY = "The warranty lasts 24 months from the date of delivery. Repairs extend it by six months."


class WordEmbeddings:
    """Texts that share words are alike."""

    name = "words"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector = [0.0] * 64
        for word in re.findall(r"\w+", text.lower()):
            vector[sum(map(ord, word)) % 64] += 1.0
        length = sum(value * value for value in vector) ** 0.5 or 1.0
        return [value / length for value in vector]


class TrustingChecker:
    """Finds every text supported that has evidence."""

    def check(self, text: str, evidence: Sequence[str]) -> Grounding:
        score = 1.0 if evidence else 0.0
        whole = SentenceSupport(text=text, start=0, end=len(text), score=score, supported=bool(evidence))
        return Grounding(score=score, label="supported" if evidence else "unsupported", sentences=[whole])


class WordReader:
    """The sentence that shares most words with the question answers it, if two are shared."""

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        return [self._read(set(re.findall(r"\w+", question.lower())), passage) for passage in passages]

    def _read(self, wanted: set[str], passage: str) -> Reading:
        spans = [match.span() for match in re.finditer(r"[^.]+\.?", passage)]
        shared = {span: len(wanted & set(re.findall(r"\w+", passage[slice(*span)].lower()))) for span in spans}
        start, end = max(spans, key=lambda span: shared[span])
        return Reading(
            answerable=0.95 if shared[start, end] > 1 else 0.05, start=start, end=end, text=passage[start:end]
        )


class ListRetriever(BaseRetriever):
    """Every passage, the first the best."""

    texts: list[str]

    def _get_relevant_documents(self, query: str, *, run_manager: Any = None) -> list[Document]:
        return [_document(number, text) for number, text in enumerate(self.texts)]


def _document(number: int, text: str) -> Document:
    return Document(
        text,
        metadata={
            "chunk_id": f"c{number}",
            "document_id": f"d{number}",
            "source": f"/docs/{number}.md",
            "title": f"Document {number}",
            "start": 0,
            "end": len(text),
            "page": None,
            "heading": "",
            "score": 1.0,
            "similarity": 0.9,
        },
    )


class MemoryStore:
    """Chunks in a dictionary, searched one by one."""

    kind, version, url = "memory", "1", ""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, tuple[Chunk, Any]]] = {}

    def ready(self) -> bool:
        return True

    def put(self, collection: str, chunks: Any, vectors: Any) -> None:
        for chunk, vector in zip(chunks, vectors, strict=True):
            self.held.setdefault(collection, {})[chunk.chunk_id] = (chunk, vector)

    def remove(self, collection: str, document_id: str) -> None:
        self.held.get(collection, {}).pop(document_id, None)

    def search(self, collection: str, text: str, vector: Any, k: int, alpha: float) -> list[Hit]:
        found = [Hit(chunk, 0.0, float(own @ vector)) for chunk, own in self.held.get(collection, {}).values()]
        return sorted(found, key=lambda hit: -hit.similarity)[:k]


class ListKnowledge:
    """Documents in a list; `down` makes it behave like a store out of reach. Examples have a store of their own."""

    jobs: Jobs
    indexer = SimpleNamespace(indexed="")

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self.texts = list(texts)
        self.down = False
        self.store = MemoryStore()
        self.embeddings = WordEmbeddings()

    @property
    def catalogue(self) -> ListKnowledge:
        return self

    def with_states(self, _: str, collection: str = "") -> list[tuple[DocumentInfo, bool]]:
        return [(info, True) for info in self.documents(collection)]

    def mark_unindexed(self, _: Sequence[str]) -> None: ...

    def mend(self) -> int:
        return 0

    @property
    def health(self) -> ListKnowledge:
        return self

    def check(self) -> None:
        self._answering()

    def _answering(self) -> None:
        if self.down:
            raise StoreError("The store at 'http://127.0.0.1:1' does not answer.", "Start it again.")

    def documents(self, collection: str = "") -> list[DocumentInfo]:
        self._answering()
        return [
            DocumentInfo(f"d{n}", "documents", f"/docs/{n}.md", f"Document {n}", "text/markdown", "0", len(text), 1, "")
            for n, text in enumerate(self.texts)
        ]

    def collections(self) -> list[str]:
        self._answering()
        return ["documents"]

    def stats(self) -> StoreStats:
        self._answering()
        return StoreStats("list", "1", "", len(self.texts), len(self.texts), {"documents": len(self.texts)})

    def retriever(self, collection: str = "", *, by_words: bool = False) -> BaseRetriever:
        return ListRetriever(texts=self.texts)

    def ingest(
        self,
        sources: Sequence[str | Upload],
        collection: str = "",
        on_progress: Callable[[IngestProgress], None] | None = None,
        cancel: Any = None,
        *,
        follow: bool = False,
    ) -> IngestReport:
        self._answering()
        for number, source in enumerate(sources, start=1):
            name, path = (source.name, source.path) if isinstance(source, Upload) else (source, Path(source))
            self.texts.append(path.read_text(encoding="utf-8", errors="replace"))
            if on_progress:
                on_progress(IngestProgress(name, "done", "", number, len(sources)))
        return IngestReport(documents=len(sources), chunks=len(sources))

    def forget(self, paths: Sequence[str], collection: str = "") -> list[str]:
        return []

    def get(self, document_id: str) -> None:
        return None

    def delete(self, document_id: str = "", **_: str) -> int:
        raise NotFoundError(f"There is no document {document_id!r}.", "See the list.")

    def search(self, question: str, collection: str = "", k: int = 0, filters: Any = None) -> list[Hit]:
        chunks = [Chunk(f"c{n}", f"d{n}", f"/docs/{n}.md", "", text, 0, len(text)) for n, text in enumerate(self.texts)]
        return [Hit(chunk, 1.0, 0.9) for chunk in chunks]

    def work_in_background(self) -> None: ...

    def list(self, collection: str = "") -> Any:
        return self.documents(collection)

    def changes(self, collection: str) -> int:
        del collection
        return len(self.texts)

    def counts(self) -> dict[str, tuple[int, int]]:
        return {"documents": (len(self.texts), len(self.texts))} if self.texts else {}

    def close(self) -> None: ...


class FakeResources(Resources):
    """Resources that load in no time."""

    def __init__(self, settings: Settings, knowledge: ListKnowledge) -> None:
        super().__init__(settings)
        self._list = knowledge

    def _load_embeddings(self) -> Any:
        return WordEmbeddings()

    def _open_knowledge(self) -> Any:
        self._list._answering()
        return self._list

    def _load_checker(self) -> Any:
        return TrustingChecker()

    def _load_reader(self) -> Any:
        return WordReader()


def open_fake(home: Path, texts: Sequence[str] = (WARRANTY,), chat: str = "fake:reader", **settings: Any) -> Assistant:
    """An assistant with those documents in a home of its own."""
    return open_fake_with(Settings(home=home, models={"chat": chat, "embedding": "fake:words"}, **settings), texts)


def open_fake_with(made: Settings, texts: Sequence[str] = ()) -> Assistant:
    """The same with settings of one's own."""
    resources = FakeResources(made, ListKnowledge(texts))
    resources._list.jobs = Jobs(engine := open_database(made))
    assistant = Assistant(made, resources, engine, open_saver(made))
    assistant.catalogue = resources._list  # type: ignore[assignment]
    return assistant
