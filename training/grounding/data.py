"""Rows to learn grounding from: human labels on responses, and sentences changed on purpose."""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.sample import read_rows
from graphs.errors import UsageError
from graphs.words import STOP_WORDS, sentence_spans, stem
from training.grounding.features import Rarity

_LOWER = re.compile(r"\b[a-z]+(?:['’][a-z]+)*\b")
_NUMBER = re.compile(r"\b\d+\b")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}")
_VERB = re.compile(r"\b(is|are|was|were|has|have|had|can|could|will|would|did|does)\b(?! not)")


@dataclass(frozen=True)
class Claim:
    """A text with its evidence; `supported` is the label of the whole text."""

    text: str
    evidence: str
    supported: bool
    group: str
    """The set it comes from; figures are given by set."""

    def held_out(self, share: float) -> bool:
        """Whether its source belongs to the part that weights never see: decided by the source's hash."""
        return self.place() < share

    def place(self) -> float:
        """Where in 0–1 the hash of its source puts it."""
        return int(hashlib.sha256(self.evidence.encode()).hexdigest()[:8], 16) / 16**8


def load_claims(folder: Path, rows: dict[str, int], seed: int) -> list[Claim]:
    """Rows of the labelled sets that have evidence, at most as many as `rows` says of each file."""
    draw = random.Random(seed)  # noqa: S311 - a sample, no secret
    claims: list[Claim] = []
    for name, most in rows.items():
        found = list(_claims(folder / f"{name}.jsonl.gz", name))
        claims += draw.sample(found, min(most, len(found)))
    return claims


def _claims(path: Path, name: str) -> Iterator[Claim]:
    """The labelled responses of a file. Raises `UsageError` naming the line at fault, or where it holds none."""
    number = 0
    for number, record in read_rows(path):
        lacks = [column for column in ("response", "source", "label") if column not in record]
        if lacks:
            cure = "Write rows with response, source and label (0 where the source supports it)."
            raise UsageError(f"{path}, line {number} has no column {lacks[0]!r}.", cure)
        if record["source"].strip() and record["response"].strip():
            yield Claim(
                record["response"].strip(), record["source"], str(record["label"]) == "0", record.get("dataset", name)
            )
    if not number:
        raise UsageError(f"{str(path)!r} has no rows.", "Write one JSON object a line with response, source, label.")


def make_swaps(passages: list[str], count: int, seed: int) -> list[Claim]:
    """Sentences of passages: half kept in substance (shortened, reworded lightly), half made wrong."""
    draw = random.Random(seed)  # noqa: S311 - a sample, no secret
    claims: list[Claim] = []
    names = names_in(passages)
    while len(claims) < count and passages:
        passage = draw.choice(passages)
        spans = [span for span in sentence_spans(passage) if 6 <= len(passage[span[0] : span[1]].split()) <= 45]
        if not spans:
            continue
        start, end = draw.choice(spans)
        sentence, right = passage[start:end], len(claims) % 2 == 0
        changed = _shorten(sentence, draw) if right else change_fact(sentence, passage, names, draw)
        if changed and changed != sentence:
            claims.append(Claim(changed, passage, right, "swaps"))
    return claims


def names_in(texts: Iterable[str]) -> list[str]:
    """Capitalised words inside sentences, as often as they occur."""
    return [name for text in texts for name in _NAME.findall(text)]


def _shorten(sentence: str, draw: random.Random) -> str:
    """Drop a stop word or two and, where there is one, the part behind the last comma."""
    head, comma, _ = sentence.rpartition(",")
    kept = head if comma and len(head.split()) >= 6 and draw.random() < 0.6 else sentence.rstrip(".")
    words = kept.split()
    loose = [i for i, word in enumerate(words) if word in STOP_WORDS and word not in {"no", "not", "nor"}]
    for place in sorted(draw.sample(loose, min(len(loose), draw.randint(1, 2))), reverse=True):
        del words[place]
    return " ".join(words) + "."


def change_fact(sentence: str, passage: str, names: list[str], draw: random.Random) -> str | None:
    """Another number or name, a negation, or two words of the sentence exchanged."""
    kind = draw.choice(("number", "name", "negation", "exchange"))
    if kind == "number" and (found := list(_NUMBER.finditer(sentence))):
        spot = draw.choice(found)
        others: list[str] = [n for n in _NUMBER.findall(passage) if n != spot[0]] + [
            str(int(spot[0][:12]) + draw.randint(1, 9))
        ]
        return sentence[: spot.start()] + draw.choice(others) + sentence[spot.end() :]
    if kind == "name" and (found := list(_NAME.finditer(sentence))):
        spot = draw.choice(found)
        inside: list[str] = [name for name in _NAME.findall(passage) if name not in sentence]
        other = draw.choice(inside if inside and draw.random() < 0.5 else names)
        return sentence[: spot.start()] + other + sentence[spot.end() :]
    if kind == "negation" and (verb := _VERB.search(sentence)):
        return f"{sentence[: verb.end()]} not{sentence[verb.end() :]}"
    if kind == "exchange" and len(found := list(_NAME.finditer(sentence))) >= 2:
        one, two = found[0], found[-1]
        if one[0] != two[0]:
            between = sentence[one.end() : two.start()]
            return sentence[: one.start()] + two[0] + between + one[0] + sentence[two.end() :]
    return None


def rarity_of(texts: Iterable[str], most: int) -> Rarity:
    """Inverse document frequency of the commonest stems, and the words, counted where they are in lower case."""
    stems: Counter[str] = Counter()
    words: Counter[str] = Counter()
    total = 0
    for text in texts:
        total += 1
        found = set(_LOWER.findall(text)) - STOP_WORDS
        words.update(found)
        stems.update({stem(word) for word in found})
    kept = [(word, count) for word, count in stems.most_common(most) if count >= 3]
    values = {word: round(math.log(total / count), 3) for word, count in sorted(kept)}
    common = frozenset(word for word, count in words.most_common(2 * most) if count >= 3)
    return Rarity(values, round(max(values.values(), default=1.0) + 0.5, 3), common)
