"""Plain looks at question, passage and answer: what a small network misses in impossible questions.

People make a question impossible by changing a name, a number or one word of it. Whether each is in the passage, and
near the answer, is exact and costs nothing; how near passage and sentences are to the question in meaning costs a pass
of the embedding model. `training.reader.report` weighs them beside the network's own signals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.words import content_words, sentence_spans, stem, words
from training.grounding.features import Rarity
from training.opposites import OPPOSITES

_NAMES = re.compile(r"(?<=\s)[A-Z][\w'’.-]*|\b\d[\d.,:/-]*\d\b|\b\d\b")
"""Capitalised words but the first, and numbers."""
_KINDS = {
    "who": re.compile(r"\bwho(?:m|se)?\b", re.IGNORECASE),
    "when": re.compile(r"\bwhen\b|\b(?:what|which) (?:year|date)\b", re.IGNORECASE),
    "many": re.compile(r"\bhow (?:many|much)\b", re.IGNORECASE),
}
LOOKS = (
    *("missing", "names_missing", "far", "repeated", "turned", "rare_missing", "rarest_missing", "score"),
    *("near_passage", "near_answer", "near_best", *_KINDS),
)


@dataclass(frozen=True)
class Nearness:
    """Cosines of the question with a passage, with the sentence of the answer, and with the nearest sentence."""

    passage: float = 0.0
    answer: float = 0.0
    best: float = 0.0


def looks(
    question: str, passage: str, start: int, end: int, score: float, near: Nearness, rarity: Rarity
) -> tuple[float, ...]:
    """Numbers as `LOOKS` names them; `start` and `end` are the answer's offsets in the passage, `score` its logits.

    `missing`: share of the question's content words that the passage lacks; `rare_missing` the same with words counted
    by their rarity, `rarest_missing` the rarity of the rarest. `names_missing`: of its names and numbers. `far`: of its
    content words that the answer's sentence lacks. `repeated`: of the answer's words that stand in the question.
    `turned`: the answer's sentence has the opposite of a word of the question. `who`, `when`, `many`: what is asked
    for; the network is surer of some kinds than it should be.
    """
    asked, there = content_words(question), content_words(passage)
    sentence = _sentence(passage, start, end)
    near_words, said = content_words(sentence), content_words(passage[start:end])
    names = {stem(word) for match in _NAMES.finditer(question) for word in words(match.group())}
    lacking = [rarity.of(word) for word in asked - there]
    turned = {OPPOSITES[word] for word in words(question) if word in OPPOSITES} & set(words(sentence))
    return (
        _share(asked - there, asked),
        _share(names - there, names),
        _share(asked - near_words, asked),
        _share(said & asked, said),
        float(bool(turned)),
        sum(lacking) / max(1e-9, sum(map(rarity.of, asked))),
        max(lacking, default=0.0) / 10,
        score / 10,
        *(near.passage, near.answer, near.best),
        *(float(bool(kind.search(question))) for kind in _KINDS.values()),
    )


def texts_of(question: str, passage: str) -> list[str]:
    """What is embedded for `nearness`: the question, the passage, its sentences."""
    return [question, passage, *(passage[start:end] for start, end in sentence_spans(passage))]


def nearness(vectors: NDArray[Any], passage: str, start: int, end: int) -> Nearness:
    """The cosines, from the vectors of `texts_of` (texts, dimensions)."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosines = (unit[1:] @ unit[0]).tolist()
    spans = sentence_spans(passage)
    touched = [cosines[1 + number] for number in _touched(spans, start, end)]
    return Nearness(cosines[0], max(touched, default=cosines[0]), max(cosines[1:], default=cosines[0]))


def _share(part: Set[str], whole: Set[str]) -> float:
    return len(part) / len(whole) if whole else 0.0


def _sentence(passage: str, start: int, end: int) -> str:
    spans = sentence_spans(passage)
    touched = _touched(spans, start, end)
    return passage[spans[touched[0]][0] : spans[touched[-1]][1]] if touched else passage[start:end]


def _touched(spans: Sequence[tuple[int, int]], start: int, end: int) -> list[int]:
    """Which spans an answer lies in."""
    return [number for number, span in enumerate(spans) if span[0] < max(end, start + 1) and span[1] > start]
