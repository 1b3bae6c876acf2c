"""The reader and the grounding checker that reach the graph."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

from assistant.config import Settings
from graphs.context import Checker, Encoder, Reader
from graphs.errors import CrossroadsError

log = logging.getLogger(__name__)


_BASE = "all-minilm-l6-v2"


def open_reader(settings: Settings, encoder: Encoder | None = None) -> Reader | None:
    """The shipped reader, or None where its weights or its base model cannot be had; the graph copes without.

    Its base is all-MiniLM-L6-v2, whatever embeds the documents; it is pulled where it is missing. `encoder` is what
    embeds the documents: the reader shares it where it is that model, else it opens its own when it first reads.
    """
    from assistant.evidence.reader import TunedReader, shards
    from assistant.models import ensure

    if not shards():
        return None
    try:
        shared = encoder if settings.models.embedding == f"local:{_BASE}" else None
        return TunedReader(ensure(_BASE, settings), settings, encoder=_encoder(settings, shared))
    except CrossroadsError as error:
        log.warning("Answering without the reader: %s", error)
        return None


def _encoder(settings: Settings, shared: Encoder | None) -> Callable[[], Encoder]:
    """The reader's base as it embeds; opened once, by the first who asks."""

    @cache
    def own() -> Encoder:
        from assistant.providers import embeddings

        return embeddings(f"local:{_BASE}", settings)

    return own if shared is None else lambda: shared


def open_checker(settings: Settings, encoder: Encoder | None = None, reader: Reader | None = None) -> Checker:  # noqa: ARG001
    """The grounding checker; it looks at words, not at vectors, and takes a few milliseconds."""
    from assistant.evidence.checker import FeatureChecker

    return FeatureChecker()
