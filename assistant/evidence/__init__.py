"""The reader and the grounding checker that reach the graph."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache

from assistant.config import Settings
from graphs.answer import Grounding
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
    """The grounding checker: features with the shipped encoder, or the features alone where that cannot be had.

    The log says which and why; `crossroads doctor` does too.
    """
    from assistant.evidence.checker import FeatureChecker, shipped_model
    from assistant.evidence.grounding_encoder import BASE, GroundingEncoder, shards
    from assistant.models import ensure

    model = shipped_model()
    if not shards() or model.joined is None:
        return FeatureChecker(model)
    try:
        encoder_beside = GroundingEncoder(ensure(BASE, settings), settings, model.rarity)
        return FeatureChecker(model, encoder_beside.logits)
    except CrossroadsError as error:
        log.warning("Checking by words alone, without the encoder: %s", error)
        return FeatureChecker(model)


class CheckerWhenAsked:
    """The grounding checker for whoever may never need it: it is opened by the first check."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: Checker | None = None

    def check(self, text: str, evidence: Sequence[str]) -> Grounding:
        """As the checker that answers use."""
        self._opened = self._opened or open_checker(self._settings)
        return self._opened.check(text, evidence)
