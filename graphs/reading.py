"""A reader without weights of its own: which sentences mean most like the question, and share its words.

It serves where no trained reader is there, and beside one for questions that ask for an explanation, which
extractive readers were not trained to answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

from graphs.context import Encoder, Reading
from graphs.words import coverage, sentence_spans, words

_HEADING = re.compile(r"^\s*(?:#{1,6}\s|[-=*_]{3,}\s*$|\|?\s*:?-{3,})")
_FENCE = re.compile(r"^\s*```")


def prose_spans(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences one could quote: no headings, rules or lone labels; all of them where none is left."""
    spans = sentence_spans(text)
    prose = [span for span in spans if _is_prose(text[span[0] : span[1]])]
    return prose or spans


def _is_prose(sentence: str) -> bool:
    if _HEADING.match(sentence) or _FENCE.match(sentence):
        return False
    return len(words(sentence)) >= 4 or sentence.rstrip().endswith((".", "!", "?", ";"))


def windows(text: str) -> list[tuple[int, int]]:
    """Spans of one and of two neighbouring sentences of prose in one paragraph."""
    spans = prose_spans(text)
    pairs = [(one[0], two[1]) for one, two in pairwise(spans) if two[1] - one[0] <= 400 and adjoin(text, one, two)]
    return spans + pairs


def adjoin(text: str, one: tuple[int, int], two: tuple[int, int]) -> bool:
    """Whether two spans follow each other in one paragraph."""
    between = text[one[1] : two[0]]
    return not between.strip() and "\n\n" not in between.replace(" ", "")


class SimilarityReader:
    """Reads by meaning: the window of one or two sentences nearest to the question."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """One reading for each passage; the chance is a logistic curve over meaning and shared words."""
        cut = [windows(passage) for passage in passages]
        texts = [passage[start:end] for passage, spans in zip(passages, cut, strict=True) for start, end in spans]
        if not texts:
            return [Reading(answerable=0.0, start=0, end=0, text="") for _ in passages]
        vectors = self._encoder.embed_documents([question, *texts])
        meanings = iter([sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:]])
        return [
            self._reading(question, passage, [(next(meanings), span) for span in spans])
            for passage, spans in zip(passages, cut, strict=True)
        ]

    def _reading(self, question: str, passage: str, found: list[tuple[float, tuple[int, int]]]) -> Reading:
        if not found:
            return Reading(answerable=0.0, start=0, end=0, text="")
        meaning, (start, end) = max(found)
        # Slopes from `bench/answerable.py`. Shared words weigh more than on its data, whose passages are all on the
        # subject: a word of the question that no passage has is what gives an unanswerable one away.
        total = 6.2 * meaning + 2.0 * coverage(question, [passage]) - 4.6
        return Reading(answerable=1 / (1 + math.exp(-total)), start=start, end=end, text=passage[start:end])
