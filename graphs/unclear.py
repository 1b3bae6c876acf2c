"""When a question fits several documents that say different things, one short question decides which is meant.

Strict on purpose, because a question back costs the user more than a good guess: every content word of the question
stands in both passages, the reader is sure of both alike, and what it found in them has no word in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphs.answer import Passage
from graphs.context import Reading
from graphs.words import content_words, coverage, words

SURE = 0.8
ALIKE = 0.1
_MEASURES = frozenset("long many much old often far big large high deep heavy last take cost".split())
"""Words that ask how much: a passage that answers gives the amount instead."""
_ORDINALS = {"1": 0, "first": 0, "2": 1, "second": 1, "3": 2, "third": 2}


def unclear(question: str, passages: Sequence[Passage], readings: Sequence[Reading]) -> dict[str, Any]:
    """The question to ask back and the documents it is between; empty where the question is clear enough."""
    order = sorted(range(len(passages)), key=lambda index: -readings[index].answerable)
    chosen: list[int] = []
    for index in order:
        if all(_another(passages[index], readings[index], passages[one], readings[one]) for one in chosen):
            chosen.append(index)
    if not chosen:
        return {}
    best = readings[chosen[0]].answerable
    chosen = [
        index
        for index in chosen[:3]
        if readings[index].answerable >= max(SURE, best - ALIKE) and _about(question, passages[index].text)
    ]
    titles = [passages[index].title for index in chosen]
    named = content_words(question)
    if len(chosen) < 2 or len(set(titles)) < len(titles) or any(_own_words(title, titles) & named for title in titles):
        return {}
    asked = " or ".join(f"“{title}”" for title in titles)
    return {
        "question": f"Your documents say different things about this. Do you mean {asked}?",
        "about": question,
        "titles": titles,
        "documents": [passages[index].document_id for index in chosen],
    }


def _about(question: str, text: str) -> bool:
    """Whether a passage has every word of the question that says what it is about."""
    subject = content_words(question) - _MEASURES
    return bool(subject) and coverage(" ".join(sorted(subject)), [text]) == 1.0


def meant(reply: str, asked: dict[str, Any]) -> int | None:
    """Which of the documents a reply names: by a word of its title that the others lack, or by its place."""
    said = set(words(reply))
    titles = list(asked["titles"])
    named = [number for number, title in enumerate(titles) if _own_words(title, titles) & said]
    if len(named) == 1:
        return named[0]
    places = {_ORDINALS[word] for word in said if word in _ORDINALS and _ORDINALS[word] < len(titles)}
    return places.pop() if len(places) == 1 and len(said) <= 6 else None


def _another(passage: Passage, reading: Reading, other: Passage, other_reading: Reading) -> bool:
    """Another document that says another thing."""
    found, other_found = set(words(reading.text)), set(words(other_reading.text))
    apart = bool(content_words(reading.text) ^ content_words(other_reading.text)) and found != other_found
    return passage.document_id != other.document_id and apart


def _own_words(title: str, titles: Sequence[str]) -> set[str]:
    """The words of a title that no other of the titles has."""
    others = {word for other in titles if other != title for word in words(other)}
    return set(words(title)) - others
