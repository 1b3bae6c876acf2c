"""What can be measured of a sentence against its evidence: shared words, names, numbers, negation, meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import TypeVar

from graphs.words import content_words, sentence_spans, words

T = TypeVar("T")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'’-]*")
_NEGATION = frozenset(["not", "no", "never", "none", "neither", "nor", "without", "cannot"])


@dataclass(frozen=True)
class Features:
    """Each between 0 and 1. The order is the order of the weights."""

    covered: float
    """Share of the sentence's content words that occur anywhere in the evidence."""
    local: float
    """The same in the best one or two neighbouring sentences of the evidence."""
    pairs: float
    """Share of its word pairs that occur in the evidence."""
    numbers: float
    """Share of its numbers that do not occur in the evidence."""
    names: float
    """Share of its names that do not occur in the evidence."""
    negation: float
    """1 where the sentence and its best evidence differ in being negated."""
    meaning: float
    """Cosine to the nearest window of the evidence, at least 0."""

    def values(self) -> tuple[float, ...]:
        """The numbers, in order."""
        return astuple(self)


class Windows:
    """The evidence cut into sentences and neighbouring pairs of them."""

    def __init__(self, evidence: Sequence[str]) -> None:
        self.texts: list[str] = []
        for text in evidence:
            spans = sentence_spans(text)
            self.texts += [text[start:end] for start, end in spans]
            self.texts += [text[first[0] : second[1]] for first, second in pairwise(spans)]
        self.stems = [content_words(text) for text in self.texts]
        everything = " ".join(evidence)
        self.lower = " ".join(words(everything))
        self.all_stems = content_words(everything)
        self.numbers = {number.replace(",", "") for number in _NUMBER.findall(everything)}
        tokens = words(everything)
        self.token_pairs = set(pairwise(tokens))

    def best(self, sentence: str) -> int:
        """The window that shares most content words with a sentence; the shortest of equals."""
        wanted = content_words(sentence)
        return max(range(len(self.texts)), key=lambda n: (len(wanted & self.stems[n]), -len(self.texts[n])))


def measure(sentence: str, windows: Windows, meaning: float) -> Features:
    """The features of one sentence; `meaning` is computed in batch by the caller."""
    wanted, best = content_words(sentence), windows.best(sentence)
    tokens = words(sentence)
    token_pairs = set(pairwise(tokens))
    names = {name.lower() for name in _NAME.findall(sentence)}
    return Features(
        covered=_share(wanted, windows.all_stems),
        local=_share(wanted, windows.stems[best]),
        pairs=_share(token_pairs, windows.token_pairs) if token_pairs else 1.0,
        numbers=1 - _share({n.replace(",", "") for n in _NUMBER.findall(sentence)}, windows.numbers),
        names=1 - _share(names, set(windows.lower.split())),
        negation=float(_negated(sentence) != _negated(windows.texts[best])),
        meaning=max(0.0, meaning),
    )


def _share(part: set[T], whole: set[T]) -> float:
    return len(part & whole) / len(part) if part else 1.0


def _negated(text: str) -> bool:
    return any(word in _NEGATION or word.endswith(("n't", "n’t")) for word in words(text))
