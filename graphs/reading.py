"""Reading without a trained reader: which sentences mean most like the question, and share its words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

from graphs.answer import Passage
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


def read_by_meaning(question: str, passages: Sequence[Passage], encoder: Encoder) -> list[Reading]:
    """One reading for each passage: its window of one or two sentences that is nearest to the question."""
    cut = [windows(passage.text) for passage in passages]
    texts = [passage.text[low:high] for passage, spans in zip(passages, cut, strict=True) for low, high in spans]
    unknown = [passage.text for passage in passages if not passage.similarity]
    vectors = encoder.embed_documents([question, *texts, *unknown])
    alike = iter([sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:]])
    windowed = [[(next(alike), span) for span in spans] for spans in cut]
    whole = [passage.similarity or next(alike) for passage in passages]
    return [_reading(question, *found) for found in zip(passages, windowed, whole, strict=True)]


def _reading(question: str, passage: Passage, found: list[tuple[float, tuple[int, int]]], similarity: float) -> Reading:
    """The chance is a logistic curve over meaning (of window and passage) and the question's words that are there.

    Shared words weigh much: a word of the question that no passage has is what gives an unanswerable one away.
    `bench/answerable.py` says what the weights are worth.
    """
    if not found:
        return Reading(answerable=0.0, start=0, end=0, text="")
    meaning, (start, end) = max(found)
    shared = coverage(question, [passage.text, passage.heading, passage.title])
    total = 3.1 * meaning + 4.0 * similarity + 3.0 * shared - 5.6
    return Reading(answerable=1 / (1 + math.exp(-total)), start=start, end=end, text=passage.text[start:end])
