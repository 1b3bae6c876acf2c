"""Which cited or found passages are the ones a sample names as its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.sample import Sample

_LEAST = 25
"""Characters of a sentence that make it recognisable."""


def gold_of(sample: Sample, key: str) -> list[str]:
    """The texts of the evidence in `metadata[key]`: one text, or a list of texts or of objects with `text`."""
    found: Any = sample.metadata.get(key)
    items = found if isinstance(found, list) else [found] if found else []
    texts = [
        str(item.get("text") or item.get("content") or "") if isinstance(item, dict) else str(item) for item in items
    ]
    return [plain(text) for text in texts if text.strip()]


def plain(text: str) -> str:
    """The text in single spaces."""
    return " ".join(text.split())


def same(passage: str, gold: str) -> bool:
    """Whether a passage holds the evidence or is part of it: the first 60 characters of either, or a whole sentence."""
    passage = plain(passage)
    if passage[:60] in gold or gold[:60] in passage:
        return True
    return any(sentence in passage for sentence in gold.split(". ") if len(sentence) >= _LEAST)


def matches(passages: Sequence[str], golds: Sequence[str]) -> list[list[bool]]:
    """For each passage, which of the evidence it holds."""
    return [[same(passage, gold) for gold in golds] for passage in passages]
