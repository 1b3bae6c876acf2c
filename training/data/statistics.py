"""What a set of texts is like, counted while it streams by."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

from training.data.words import words

_SAMPLED = 10
"""Of so many texts one is looked at for its language: that takes longest."""


class Statistics:
    """Running counts: texts, characters, words, lengths, languages. Memory does not grow with the data."""

    def __init__(self) -> None:
        self.texts = self.characters = self.words = self.bytes = 0
        self._lengths: Counter[int] = Counter()
        self._languages: Counter[str] = Counter()
        self._vocabulary: set[int] = set()

    def add(self, text: str) -> None:
        """Count one more text."""
        found = words(text)
        self.texts += 1
        self.characters += len(text)
        self.bytes += len(text.encode("utf-8", "replace"))
        self.words += len(found)
        self._lengths[len(found).bit_length()] += 1
        if len(self._vocabulary) < 1_000_000:
            self._vocabulary.update(map(hash, found))
        if self.texts % _SAMPLED == 1:
            self._languages[language_of(text)[0]] += 1

    def report(self) -> dict[str, Any]:
        """The counts; lengths in words as powers of two."""
        sampled = max(1, self._languages.total())
        return {
            "texts": self.texts,
            "characters": self.characters,
            "bytes": self.bytes,
            "words": self.words,
            "words_per_text": round(self.words / max(1, self.texts), 1),
            "different_words": len(self._vocabulary),
            "lengths_in_words": {f"<{2**size}": self._lengths[size] for size in sorted(self._lengths)},
            "languages": {name: round(n / sampled, 4) for name, n in self._languages.most_common(10)},
        }

    def state(self) -> dict[str, Any]:
        """Everything as JSON, to go on later; the number of different words then begins anew."""
        return {
            "counts": [self.texts, self.characters, self.bytes, self.words],
            "lengths": {str(size): n for size, n in self._lengths.items()},
            "languages": dict(self._languages),
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Statistics:
        """The statistics a state was taken from."""
        made = cls()
        made.texts, made.characters, made.bytes, made.words = state["counts"]
        made._lengths = Counter({int(size): n for size, n in state["lengths"].items()})
        made._languages = Counter(state["languages"])
        return made


def language_of(text: str) -> tuple[str, float]:
    """The language of a text (ISO 639-1) and its probability, by py3langid on the first 1,000 characters."""
    name, chance = _identifier().classify(text[:1000])
    return str(name), float(chance)


@lru_cache(maxsize=1)
def _identifier() -> Any:
    import py3langid
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = Path(str(py3langid.__file__)).parent / MODEL_FILE
    return LanguageIdentifier.from_modelpath(model, norm_probs=True)
