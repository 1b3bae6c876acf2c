"""Plain looks at the words of question, passage and answer: what a small network misses in impossible questions.

People make a question impossible by changing a name, a number or one word of it. Whether each is in the passage, and
near the answer, is exact and costs nothing; `training.reader.report` weighs it beside the network's own signals.
"""

from __future__ import annotations

import re

from graphs.words import content_words, sentence_spans, stem, words

_NAMES = re.compile(r"(?<=\s)[A-Z][\w'’.-]*|\b\d[\d.,:/-]*\d\b|\b\d\b")
"""Capitalised words but the first, and numbers."""
LOOKS = ("missing", "names_missing", "far", "repeated")


def looks(question: str, passage: str, start: int, end: int) -> tuple[float, ...]:
    """Four shares in 0-1, as `LOOKS` names them; `start` and `end` are the answer's offsets in the passage.

    `missing`: content words of the question that the passage lacks. `names_missing`: its names and numbers that the
    passage lacks. `far`: content words of the question that the answer's sentence lacks. `repeated`: words of the
    answer that stand in the question already.
    """
    asked, there = content_words(question), content_words(passage)
    near = content_words(_sentence(passage, start, end))
    said = content_words(passage[start:end])
    names = {stem(word) for match in _NAMES.finditer(question) for word in words(match.group())}
    return (
        _share(asked - there, asked),
        _share(names - there, names),
        _share(asked - near, asked),
        _share(said & asked, said),
    )


def _share(part: set[str], whole: set[str]) -> float:
    return len(part) / len(whole) if whole else 0.0


def _sentence(passage: str, start: int, end: int) -> str:
    touched = [span for span in sentence_spans(passage) if span[0] < max(end, start + 1) and span[1] > start]
    return passage[touched[0][0] : touched[-1][1]] if touched else passage[start:end]
