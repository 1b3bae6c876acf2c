"""The reader and the grounding checker that reach the graph."""

from __future__ import annotations

import logging

from assistant.config import Settings
from graphs.context import Checker, Encoder, Reader
from graphs.errors import CrossroadsError

log = logging.getLogger(__name__)


def open_reader(settings: Settings, encoder: Encoder | None = None) -> Reader | None:  # noqa: ARG001
    """The shipped reader, or None where its weights or its base model cannot be had; the graph copes without.

    Its base is all-MiniLM-L6-v2, whatever embeds the documents; it is pulled where it is missing.
    """
    from assistant.evidence.reader import TunedReader, shards
    from assistant.models import ensure

    if not shards():
        return None
    try:
        return TunedReader(ensure("all-minilm-l6-v2", settings), settings)
    except CrossroadsError as error:
        log.warning("Answering without the reader: %s", error)
        return None


def open_checker(settings: Settings, encoder: Encoder | None = None, reader: Reader | None = None) -> Checker:  # noqa: ARG001
    """The grounding checker; it looks at words, not at vectors, and takes a few milliseconds."""
    from assistant.evidence.checker import FeatureChecker

    return FeatureChecker()
