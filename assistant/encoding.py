"""The embedding model of a turn, and the bag of words that stands in where it fails."""

from __future__ import annotations

import logging

from langchain_core.embeddings import Embeddings

from assistant.providers.embedding import HashedWords
from graphs.errors import ModelError
from graphs.words import content_words

log = logging.getLogger(__name__)


class StandingIn(Embeddings):
    """Vectors of the embedding model; from its first failure on, those of the content words, for the whole turn.

    Only vectors of one call, or of calls after a failure, may be compared. The search tells of the failure.
    """

    def __init__(self, inner: Embeddings) -> None:
        self.inner = inner
        self._words: HashedWords | None = None

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One unit vector for each text."""
        if self._words is None:
            try:
                return self.inner.embed_documents(texts)
            except ModelError as error:
                log.warning("Words stand in for the embedding model: %s", error)
                self._words = HashedWords()
        return self._words.embed_documents([" ".join(content_words(text)) for text in texts])

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a text."""
        return self.embed_documents([text])[0]
