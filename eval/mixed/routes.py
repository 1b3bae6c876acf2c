"""Which paths are right for each kind of request of the mixed set: what a router is held to without asking a model."""

from __future__ import annotations

from eval.mixed.rows import mixed
from eval.sample import Sample

_SEARCH = ["rag", "tuned_rag"]
RIGHT: dict[str, list[str]] = {
    "answerable": _SEARCH,
    "unanswerable": _SEARCH,
    "general": ["zero_shot", "tuned", "few_shot"],
    "arithmetic": ["tools"],
    "intent": ["few_shot", "tuned"],
    "sentiment": ["few_shot", "tuned"],
    "extraction": ["few_shot", "tuned"],
    "chat": ["zero_shot", "tuned"],
}
"""Kind → paths that fit its form; which of them answers best is a question for measured outcomes."""


def route_samples(part: str) -> list[Sample]:
    """The rows of a part (`dev`) with the right paths as their targets. Raises `NotFoundError` without data."""
    rows = mixed("train" if part == "train" else "dev", {"pages": 0})
    return [row.model_copy(update={"target": RIGHT[str(row.metadata["kind"])]}) for row in rows]
