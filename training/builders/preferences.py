"""Pairs of answers from votes: the liked and the disliked one to the same question, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from graphs.words import words

MOST_LENGTH_RATIO = 6.0
"""A pair whose answers differ more in length would teach length."""


@dataclass(frozen=True)
class Judged:
    """An answer somebody judged."""

    prompt: list[dict[str, str]]
    """The messages the model saw."""
    question: str
    text: str
    liked: bool
    abstained: bool = False
    stopped: bool = False


def pair(judged: Iterable[Judged], rejected: Callable[[str, str], None]) -> Iterator[dict[str, Any]]:
    """Rows with `prompt`, `chosen` and `rejected`; `rejected` is told question and reason of what is left out."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(" ".join(words(one.question)), []).append(one)
    for group in groups.values():
        liked = [one for one in group if one.liked and not one.stopped]
        disliked = [one for one in group if not one.liked]
        if not liked or not disliked:
            rejected(group[0].question, "it has no liked answer" if not liked else "it has no disliked answer")
            continue
        for good, bad in zip(liked, disliked, strict=False):
            if why := _why_not(good, bad):
                rejected(good.question, why)
            else:
                yield row(good.prompt, good.text, bad.text)


def row(prompt: list[dict[str, str]], chosen: str, rejected: str, **more: Any) -> dict[str, Any]:
    """A pair as training reads it, with an id of its own."""
    digest = hashlib.sha256(repr((prompt, chosen, rejected)).encode()).hexdigest()[:16]
    return {"id": digest, "prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def _why_not(good: Judged, bad: Judged) -> str:
    if words(good.text) == words(bad.text):
        return "both answers say the same"
    long, short = sorted((len(good.text), len(bad.text)), reverse=True)
    if not short or long / short > MOST_LENGTH_RATIO:
        return "one answer is many times as long as the other"
    return ""
