"""The reader and the grounding checker that reach the graph."""

from __future__ import annotations

from assistant.config import Settings
from graphs.context import Checker, Encoder, Reader


def open_reader(settings: Settings, encoder: Encoder | None = None) -> Reader | None:  # noqa: ARG001
    """The shipped reader, or None where its weights are not there; the graph then judges by similarity and words."""
    return None


def open_checker(settings: Settings, encoder: Encoder, reader: Reader | None = None) -> Checker:  # noqa: ARG001
    """The grounding checker."""
    from assistant.evidence.checker import FeatureChecker

    return FeatureChecker(encoder)
