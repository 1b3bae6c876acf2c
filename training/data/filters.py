"""Why a text is thrown away: one small function each, `None` to keep it or the reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from training.data.contamination import Contamination
from training.data.statistics import language_of
from training.data.words import word_tokenizer


@dataclass
class Text:
    """A row on its way: the fields that hold its text, and where it came from."""

    id: str
    row: dict[str, Any]
    fields: tuple[str, ...]
    where: str = ""
    changes: dict[str, int] = field(default_factory=dict)
    """What was mended → how often."""

    @property
    def parts(self) -> list[str]:
        """The texts of its fields."""
        return [str(self.row[name]) for name in self.fields]

    @property
    def text(self) -> str:
        """All its text."""
        return "\n".join(self.parts)


Reason = str | None
Filter = Callable[[Text], Reason]


def empty(text: Text) -> Reason:
    """No text, or a field of a pair without any."""
    bare = [name for name in text.fields if not str(text.row[name]).strip()]
    return f"empty: {bare[0]}" if bare else None


def too_short(least: int) -> Filter:
    """Fewer than so many words."""
    return lambda text: "short" if len(text.text.split()) < least else None


def in_language(wanted: Sequence[str], certain: float = 0.5) -> Filter:
    """Of another language than those wanted, where py3langid is that sure; texts below 20 letters pass."""

    def judge(text: Text) -> Reason:
        if sum(map(str.isalpha, text.text)) < 20:
            return None
        name, chance = language_of(text.text)
        return f"language: {name}" if name not in wanted and chance >= certain else None

    return judge


def of_quality(least_words: int) -> Filter:
    """Gopher's rules (Rae et al. 2021) for length, symbols, bullets and stop words, and its rules for repetition, as
    datatrove has them."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter

    tokenizer = word_tokenizer()
    quality = GopherQualityFilter(min_doc_words=least_words, language=tokenizer)
    repetition = GopherRepetitionFilter(language=tokenizer)

    def judge(text: Text) -> Reason:
        document = Document(text=text.text, id=text.id)
        for rules in (quality, repetition):
            kept = rules.filter(document)
            if kept is not True:
                return f"quality: {kept[1] if isinstance(kept, tuple) else 'repetition'}"
        return None

    return judge


class Duplicates:
    """Texts that were there before, character for character but for space and case: 8 bytes of each are kept."""

    def __init__(self, seen: Iterable[str] = ()) -> None:
        self._seen = {self._hash(text) for text in seen}

    def __call__(self, text: Text) -> Reason:
        """Remember a text; the reason where it was seen before."""
        key = self._hash(text.text)
        if key in self._seen:
            return "duplicate"
        self._seen.add(key)
        return None

    def _hash(self, text: str) -> int:
        plain = " ".join(text.casefold().split())
        return int.from_bytes(hashlib.blake2b(plain.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def contaminated(by: Contamination) -> Filter:
    """Holds words of an evaluation set."""

    def judge(text: Text) -> Reason:
        found = by.found_in(text.parts)
        return f"contaminated: {found}" if found else None

    return judge
