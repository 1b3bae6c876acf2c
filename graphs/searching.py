"""Look for passages, and tell what fails: the store, or the embedding model, without which words alone are searched."""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from graphs.answer import Passage
from graphs.context import Context
from graphs.errors import ModelError, StoreError


@dataclass(frozen=True)
class Searched:
    """What a search gave."""

    passages: list[Passage] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """What a person must know about it."""
    lost: bool = False
    """Whether the store did not answer."""
    by_words: bool = False
    """Whether words alone were looked for, because the embedding model failed."""


def search(question: str, context: Context) -> Searched:
    """The passages retrieval finds. Raises `ModelError` where the embedding model fails and words cannot stand in."""
    if context.retriever is None:
        return Searched()
    try:
        return Searched(_found(context.retriever, question))
    except StoreError as error:
        return _lost(error)
    except ModelError as error:
        if context.by_words is None:
            raise
        return _by_words(question, context.by_words, error)


def _by_words(question: str, retriever: BaseRetriever, error: ModelError) -> Searched:
    try:
        found = _found(retriever, question)
    except StoreError as lost:
        return _lost(lost)
    notice = f"Your documents were searched by their words alone, because the embedding model failed: {error.message}"
    return Searched(found, [notice], by_words=True)


def _lost(error: StoreError) -> Searched:
    return Searched(notices=[f"Your documents cannot be searched now: {error.message}"], lost=True)


def _found(retriever: BaseRetriever, question: str) -> list[Passage]:
    return [_passage(document) for document in retriever.invoke(question)]


def _passage(document: Document) -> Passage:
    return Passage(text=document.page_content, **document.metadata)
