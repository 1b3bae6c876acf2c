"""Words of a text, their stems and the words that say little: what filters, statistics and baselines count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

_WORD = re.compile(r"\w+(?:['’]\w+)*")


def words(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return [word.replace("’", "'") for word in _WORD.findall(text.casefold())]


def lemmas(text: str, language: str = "en") -> list[str]:
    """The words of a text in their dictionary form, by simplemma's tables."""
    from simplemma import lemmatize

    return [lemmatize(word, lang=language).casefold() for word in words(text)]


@lru_cache(maxsize=8)
def stop_words(language: str = "en") -> frozenset[str]:
    """Words that say little by themselves. Only English has a list (scikit-learn's); others are empty."""
    if language != "en":
        return frozenset()
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)


def content_words(text: str, language: str = "en") -> list[str]:
    """Lemmas without stop words."""
    return [lemma for lemma in lemmas(text, language) if lemma not in stop_words(language)]


def shingles(found: Sequence[str], size: int) -> Iterator[str]:
    """Every run of `size` words."""
    for start in range(len(found) - size + 1):
        yield " ".join(found[start : start + size])


def word_tokenizer() -> Any:
    """`words` as datatrove's filters and MinHash want it; its own tokenizer for English needs spaCy."""
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Words(WordTokenizer):  # type: ignore[misc]
        """Plain words."""

        def word_tokenize(self, text: str) -> list[str]:
            """The words of a text."""
            return _WORD.findall(text)

        def sent_tokenize(self, text: str) -> list[str]:
            """Its lines stand for sentences."""
            return text.splitlines()

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            """Where its words stand."""
            return [found.span() for found in _WORD.finditer(text)]

    return Words()
