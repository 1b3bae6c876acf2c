"""Supported texts made wrong on purpose, so that the encoder cannot go by which words occur."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from graphs.words import STOP_WORDS
from training.grounding.data import change_fact
from training.opposites import OPPOSITES

_WORD = re.compile(r"\b[a-z]{4,}\b")
_NOT = re.compile(r"\b(is|are|was|were|has|have|had|can|could|will|would|did|does|do) not\b|(?<=[a-z])n't\b")
_TRIES = 6


def spoil(text: str, evidence: str, names: Sequence[str], draw: random.Random) -> str | None:
    """The text with another number, name or word, an opposite, or a negation more or less; None where none fits.

    A negation is taken away wherever there is one, so that negated texts are right as often as wrong.
    """
    if _NOT.search(text):
        return _NOT.sub(lambda found: found[1] or "", text, count=1)
    for _ in range(_TRIES):
        kind = draw.choices(("fact", "opposite", "word"), (3, 2, 2))[0]
        changed = {"fact": _fact, "opposite": _opposite, "word": _word}[kind](text, evidence, names, draw)
        if changed and changed != text:
            return changed
    return None


def _fact(text: str, evidence: str, names: Sequence[str], draw: random.Random) -> str | None:
    return change_fact(text, evidence, list(names), draw)


def _opposite(text: str, evidence: str, names: Sequence[str], draw: random.Random) -> str | None:  # noqa: ARG001
    found = [match for match in _WORD.finditer(text) if match[0] in OPPOSITES]
    if not found:
        return None
    spot = draw.choice(found)
    return text[: spot.start()] + OPPOSITES[spot[0]] + text[spot.end() :]


def _word(text: str, evidence: str, names: Sequence[str], draw: random.Random) -> str | None:  # noqa: ARG001
    """Another word of the evidence with the same ending in the place of one."""
    found = [match for match in _WORD.finditer(text) if match[0] not in STOP_WORDS]
    if not found:
        return None
    spot = draw.choice(found)
    others = [w for w in _WORD.findall(evidence) if w[-2:] == spot[0][-2:] and w not in text and w not in STOP_WORDS]
    return text[: spot.start()] + draw.choice(others) + text[spot.end() :] if others else None
