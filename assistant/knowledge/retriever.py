"""The knowledge base as a LangChain retriever."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from assistant.knowledge.places import Place
from assistant.knowledge.types import Hit


class KnowledgeRetriever(BaseRetriever):
    """Finds the best passages of one collection by hybrid search.

    The metadata of a document are the fields of `graphs.answer.Passage` without `text`.
    """

    knowledge: Any
    """A `KnowledgeBase`."""
    collection: str
    k: int
    by_words: bool = False
    """Whether it looks for words alone, without the embedding model."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        del run_manager  # a search has no steps of its own to report
        found = self.knowledge.search(query, self.collection, self.k, by_words=self.by_words)
        hits = self.knowledge.with_neighbours(found)
        return [as_document(hit, place) for hit, place in zip(hits, self.knowledge.places(hits), strict=True)]


def as_document(hit: Hit, place: Place) -> Document:
    """A hit as LangChain's `Document`."""
    chunk = hit.chunk
    return Document(
        id=chunk.chunk_id,
        page_content=chunk.text,
        metadata={
            "chunk_id": chunk.chunk_id,
            "document_id": chunk.document_id,
            "source": chunk.source,
            "title": chunk.title,
            "start": chunk.start,
            "end": chunk.end,
            "page": chunk.page,
            "heading": chunk.heading,
            "score": hit.score,
            "similarity": hit.similarity,
            "part": place.part,
            "line": place.line,
            "line_name": place.line_name,
        },
    )
