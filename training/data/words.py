"""Words of a text, their stems and the words that say little: what filters, statistics and baselines count."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


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


def run_hashes(found: Sequence[str], size: int) -> NDArray[np.uint64]:
    """A number of 64 bits for every run of `size` words, the same in every process: two runs that are not the same
    share one by chance alone. Many times as fast as hashing each run by itself."""
    count = len(found) - size + 1
    if count < 1:
        return np.zeros(0, dtype=np.uint64)
    each = np.fromiter(map(_word_hash, found), dtype=np.uint64, count=len(found))
    runs = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        runs = runs * _FACTOR + each[place : place + count]
    return runs


@lru_cache(maxsize=1 << 16)
def _word_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


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
