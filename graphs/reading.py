"""Reading by meaning: which sentences mean most like the question, and share its words; alone or beside a reader."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from graphs.answer import Passage
from graphs.context import Encoder, Reader, Reading
from graphs.words import coverage, sentence_spans, words

Vector = NDArray[np.float32]
_HEADING = re.compile(r"^\s*(?:#{1,6}\s|[-=*_]{3,}\s*$|\|?\s*:?-{3,})")
_MOST = 400
"""Characters a window may have."""
_READ = 4
"""Passages a trained reader reads of those a search found, the nearest in meaning."""
_BY_READER, _BY_MEANING, _OFFSET = 0.62, 0.465, 0.31
"""Weights of the two readings' log odds. The reader, which learned on encyclopaedias, knows best whether a question
of that kind is answered; meaning knows it of a manual's."""
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
    pairs = [(one[0], two[1]) for one, two in pairwise(spans) if two[1] - one[0] <= _MOST and adjoin(text, one, two)]
    return spans + pairs


def adjoin(text: str, one: tuple[int, int], two: tuple[int, int]) -> bool:
    """Whether two spans follow each other in one paragraph."""
    between = text[one[1] : two[0]]
    return not between.strip() and "\n\n" not in between.replace(" ", "")


def read_by_meaning(question: str, passages: Sequence[Passage], encoder: Encoder) -> list[Reading]:
    """One reading for each passage: its window of one or two sentences that is nearest to the question.

    Only sentences are encoded; the vector of two is taken to be their mean, which costs a third and tells as well.
    """
    cut = [prose_spans(passage.text) for passage in passages]
    texts = [passage.text[low:high] for passage, spans in zip(passages, cut, strict=True) for low, high in spans]
    unknown = [passage.text for passage in passages if not passage.similarity]
    vectors = np.asarray(encoder.embed_documents([question, *texts, *unknown]), dtype=np.float32)
    asked, sentences, rest = vectors[0], vectors[1 : 1 + len(texts)], iter(vectors[1 + len(texts) :])
    ends = np.cumsum([0, *(len(spans) for spans in cut)])
    whole = [passage.similarity or float(_cosines(asked, next(rest)[None])[0]) for passage in passages]
    return [
        _reading(question, passage, _nearest(asked, passage.text, spans, sentences[low:high]), similarity)
        for passage, spans, low, high, similarity in zip(passages, cut, ends, ends[1:], whole, strict=False)
    ]


def read_found(question: str, passages: Sequence[Passage], encoder: Encoder, reader: Reader) -> list[Reading]:
    """One reading for each passage a search found: by meaning, and of the nearest by the trained reader, too.

    The span is the reader's where it is likely right, else the nearest window. `bench/reading.py` says what this
    is worth beside each alone.
    """
    near = read_by_meaning(question, passages, encoder)
    best = sorted(range(len(near)), key=lambda at: -near[at].answerable)[:_READ]
    for at, read in zip(best, reader.read(question, [passages[at].text for at in best]), strict=True):
        odds = _BY_READER * _logit(read.answerable) + _BY_MEANING * _logit(near[at].answerable) + _OFFSET
        found = read if read.answerable > 0.5 and read.text else near[at]
        near[at] = found.model_copy(update={"answerable": 1 / (1 + math.exp(-odds))})
    for at in set(range(len(near))) - set(best):
        near[at] = near[at].model_copy(update={"answerable": min(near[at].answerable, near[best[-1]].answerable)})
    return near


def _logit(chance: float) -> float:
    chance = min(max(chance, 0.001), 0.999)
    return math.log(chance / (1 - chance))


def _nearest(
    asked: Vector, text: str, spans: Sequence[tuple[int, int]], vectors: Vector
) -> tuple[float, tuple[int, int]] | None:
    """Cosine and span of the best window; None where there is no sentence. `vectors` has a row for each span."""
    if not spans:
        return None
    pairs = [at for at, (one, two) in enumerate(pairwise(spans)) if two[1] - one[0] <= _MOST and adjoin(text, one, two)]
    near = _cosines(asked, np.vstack([vectors, vectors[pairs] + vectors[[at + 1 for at in pairs]]]))
    found = [*spans, *((spans[at][0], spans[at + 1][1]) for at in pairs)]
    return max(zip(near.tolist(), found, strict=True))


def _cosines(one: Vector, others: Vector) -> Vector:
    """Cosines of `others` (n, dimensions) with `one`, which is of unit length."""
    lengths = np.maximum(np.linalg.norm(others, axis=1), 1e-12)
    cosines: Vector = ((others @ one) / lengths).astype(np.float32)
    return cosines


def _reading(
    question: str, passage: Passage, found: tuple[float, tuple[int, int]] | None, similarity: float
) -> Reading:
    """The chance is a logistic curve over meaning (of window and passage) and the question's words that are there.

    Shared words weigh much: a word of the question that no passage has is what gives an unanswerable one away.
    `bench/answerable.py` says what the weights are worth.
    """
    if found is None:
        return Reading(answerable=0.0, start=0, end=0, text="")
    meaning, (start, end) = found
    shared = coverage(question, [passage.text, passage.heading, passage.title])
    total = 3.1 * meaning + 4.0 * similarity + 3.0 * shared - 5.6
    return Reading(answerable=1 / (1 + math.exp(-total)), start=start, end=end, text=passage.text[start:end])
