"""What can be measured of a sentence against its evidence: words, numbers, names, order, negation.

Nearness in meaning (cosine of sentence embeddings) was tried: it added nothing to these and cost a model call.

Shared by training and by the checker that ships, so that both see the same numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from itertools import pairwise

from graphs.words import STOP_WORDS, sentence_spans, stem
from training.opposites import OPPOSITES

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_MARKER = re.compile(r"\s?\[\d{1,3}\]")
_NEGATION = frozenset(("not", "no", "never", "none", "neither", "nor", "without", "cannot", "nobody", "nothing"))
_FORMS = ("ing", "ed", "s", "ly", "tion")
_CLAUSE = re.compile(r"[;:()–—]|,\s|\s(?=(?:and|but|which|while|whereas|although|though|because|or)\b)", re.IGNORECASE)
_NOT_ONLY = re.compile(r"\bnot (?:only|just|merely)\b", re.IGNORECASE)
_PERSONAL = frozenset(("i", "i'm", "i've", "i'd", "my", "me", "you", "your", "we", "our", "yeah", "yes", "wow", "haha"))
_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
_NUMBER_WORDS |= {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "hundred": "100", "thousand": "1000"}
_MOST_ORDERED = 60
_NEAR = 0.6
"""Share of a clause's words that another must have to count as where it was taken from."""


@dataclass(frozen=True)
class Rarity:
    """How telling a word is: inverse document frequency of stems seen in lower case in the training passages."""

    values: Mapping[str, float]
    unknown: float
    """For a stem never seen: rarer than all that were."""
    common: frozenset[str] = frozenset()
    """Words seen in lower case: capitalised at the start of a sentence they are no names."""

    def of(self, word_stem: str) -> float:
        """The weight of a stem."""
        return self.values.get(word_stem, self.unknown)

    def may_be_name(self, word: str) -> bool:
        """Whether a capitalised first word may be a name: never seen in lower case, nor as another form of a word."""
        if word in self.common:
            return False
        return not (word.endswith(_FORMS) and stem(word) in self.values)


@dataclass(frozen=True)
class Features:
    """Each between 0 and 1. The order is the order of the weights."""

    covered: float
    """Share of the content words, by rarity, that occur anywhere in the evidence."""
    local: float
    """The same in the best one or two neighbouring sentences of the evidence."""
    pairs: float
    """Share of the pairs of neighbouring words that occur in the evidence."""
    run: float
    """Length of the longest run of words copied from the best place, by the sentence's length."""
    order: float
    """Share of the words shared with the best place that stand in the same order there."""
    rarest: float
    """Rarity of the rarest content word that the evidence lacks, by the highest there is."""
    numbers: float
    """Share of the numbers that the evidence lacks."""
    numbers_local: float
    """Share of the numbers that the best place lacks."""
    names: float
    """Share of the names that the evidence lacks."""
    negation: float
    """1 where a clause of the sentence is negated and the clause it was taken from is not, or the other way round."""
    opposite: float
    """1 where a word's opposite stands in the best evidence sentence and the word itself does not."""
    personal: float
    """1 where the sentence speaks of the speaker or to the listener."""
    length: float
    """Number of words, 1 from 40 on."""

    def values(self) -> tuple[float, ...]:
        """The numbers, in order."""
        return astuple(self)


NAMES = tuple(field.name for field in fields(Features))


def without_markers(text: str) -> str:
    """The text without citation markers such as `[2]`, which are no statement."""
    return _MARKER.sub("", text)


class Sentence:
    """A text's tokens, stems, numbers and whether it is negated, each computed once."""

    def __init__(self, text: str) -> None:
        self.text = without_markers(text)
        self.written = _TOKEN.findall(self.text)
        self.tokens = [token.lower().replace("’", "'").replace(",", "") for token in self.written]

    @cached_property
    def ordered(self) -> list[str]:
        """Stems of the content words, in order."""
        return [stem(_digits(token)) for token in self.tokens if token not in STOP_WORDS]

    @cached_property
    def stems(self) -> set[str]:
        """Stems of the content words."""
        return set(self.ordered)

    @cached_property
    def plain(self) -> set[str]:
        """Stems of the content words that are no numbers."""
        return {word for word in self.stems if not word[0].isdigit()}

    @cached_property
    def clauses(self) -> list[Sentence]:
        """The sentence cut at commas and conjunctions; a part with one content word stays with the one before."""
        parts: list[str] = []
        for part in _CLAUSE.split(self.text):
            if parts and (len(Sentence(part).plain) < 2 or len(Sentence(parts[-1]).plain) < 2):
                parts[-1] = f"{parts[-1]} {part}"
            else:
                parts.append(part)
        return [Sentence(part) for part in parts] if len(parts) > 1 else [self]

    @cached_property
    def numbers(self) -> set[str]:
        """Numbers in digits, `two` as 2."""
        return {_digits(token) for token in self.tokens if _digits(token)[0].isdigit()}

    @cached_property
    def pairs(self) -> set[tuple[str, str]]:
        """Neighbouring words."""
        return set(pairwise(self.tokens))

    @cached_property
    def negated(self) -> bool:
        """Whether an odd number of negations stands in it; `not only` is none."""
        tokens: list[str] = _TOKEN.findall(_NOT_ONLY.sub("", self.text).lower().replace("’", "'"))
        return sum(token in _NEGATION or token.endswith("n't") for token in tokens) % 2 == 1

    def names(self, rarity: Rarity) -> set[str]:
        """Stems of capitalised words; the first word counts where it is never seen in lower case."""
        found = set()
        for place, (written, token) in enumerate(zip(self.written, self.tokens, strict=True)):
            capital = written[0].isupper() and token not in STOP_WORDS and token not in _NUMBER_WORDS
            if capital and (place > 0 or rarity.may_be_name(token)):
                found.add(stem(token.removesuffix("'s")))
        return found


def _digits(token: str) -> str:
    return _NUMBER_WORDS.get(token, token)


class Places:
    """The evidence as sentences and neighbouring pairs of them."""

    def __init__(self, evidence: Sequence[str]) -> None:
        self.sentences: list[Sentence] = []
        self.windows: list[Sentence] = []
        for text in evidence:
            spans = sentence_spans(text)
            singles = [Sentence(text[start:end]) for start, end in spans]
            self.sentences += singles
            self.windows += singles
            self.windows += [Sentence(text[first[0] : second[1]]) for first, second in pairwise(spans)]
        self.stems = set[str]().union(*(sentence.stems for sentence in self.sentences))
        self.stems |= {stem(token.removesuffix("'s")) for sentence in self.sentences for token in sentence.tokens}
        self.numbers = set[str]().union(*(sentence.numbers for sentence in self.sentences))
        self.pairs = set[tuple[str, str]]().union(*(sentence.pairs for sentence in self.sentences))
        self.copies = [f" {' '.join(Sentence(text).tokens)} " for text in evidence]

    def verbatim(self, sentence: Sentence) -> bool:
        """Whether the sentence stands word for word in the evidence, and no negation just before it is left out."""
        wanted = f" {' '.join(sentence.tokens)} "
        if not sentence.stems:
            return False
        for copy in self.copies:
            at = copy.find(wanted)
            if at >= 0:
                before = Sentence(" ".join(copy[:at].split()[-4:]))
                return sentence.negated or not before.negated
        return False


def measure(sentence: Sentence, places: Places, rarity: Rarity) -> Features:
    """The features of one sentence; `places` must not be empty."""
    best = _nearest(sentence, places.windows, rarity)
    single = _nearest(sentence, [each for each in places.sentences if each.text in best.text] or [best], rarity)
    missing = sentence.plain - places.stems
    names = sentence.names(rarity)
    return Features(
        covered=_share(sentence.plain, places.stems, rarity),
        local=_share(sentence.plain, best.stems, rarity),
        pairs=len(sentence.pairs & places.pairs) / len(sentence.pairs) if sentence.pairs else 1.0,
        run=_run(sentence.tokens, best.tokens) / max(1, len(sentence.tokens)),
        order=_order(sentence.ordered, best.ordered),
        rarest=max((rarity.of(word) for word in missing), default=0.0) / rarity.unknown,
        numbers=_lacking(sentence.numbers, places.numbers),
        numbers_local=_lacking(sentence.numbers, best.numbers),
        names=_lacking(names, places.stems),
        negation=float(_turned(sentence, best, rarity)),
        opposite=float(_opposed(sentence, single)),
        personal=float(any(token in _PERSONAL for token in sentence.tokens)),
        length=min(1.0, len(sentence.tokens) / 40),
    )


def measure_all(text: str, places: Places, rarity: Rarity) -> list[Features]:
    """The features of each sentence of a text that does not stand in the evidence word for word, in order."""
    return [measure(sentence, places, rarity) for sentence in unlike(text, places)]


def unlike(text: str, places: Places) -> list[Sentence]:
    """The sentences of a text that do not stand in the evidence word for word; none where there is no evidence."""
    sentences = [Sentence(text[start:end]) for start, end in sentence_spans(text)]
    return [one for one in sentences if one.tokens and not places.verbatim(one)] if places.windows else []


def _nearest(sentence: Sentence, among: Sequence[Sentence], rarity: Rarity) -> Sentence:
    """The one that shares most words by rarity; of equals the shorter."""

    def shared(other: Sentence) -> tuple[float, int]:
        return (sum(rarity.of(word) for word in sentence.stems & other.stems), -len(other.tokens))

    return max(among, key=shared)


def _turned(sentence: Sentence, best: Sentence, rarity: Rarity) -> bool:
    """Whether a clause is negated where the clause it was taken from is not, or the other way round."""
    for clause in sentence.clauses:
        other = _nearest(clause, best.clauses, rarity)
        near = _share(clause.plain, other.stems, rarity) >= _NEAR and clause.plain
        if near and clause.negated != other.negated:
            return True
    return False


def _share(part: set[str], whole: set[str], rarity: Rarity) -> float:
    total = sum(rarity.of(word) for word in part)
    return sum(rarity.of(word) for word in part & whole) / total if total else 1.0


def _lacking(part: set[str], whole: set[str]) -> float:
    return len(part - whole) / len(part) if part else 0.0


def _opposed(sentence: Sentence, other: Sentence) -> bool:
    said, there = set(sentence.tokens), set(other.tokens)
    return any(token in OPPOSITES and token not in there and OPPOSITES[token] in there for token in said)


def _run(tokens: Sequence[str], other: Sequence[str]) -> int:
    """Longest common run of tokens."""
    longest, previous = 0, [0] * (len(other) + 1)
    for token in tokens:
        current = [0] * (len(other) + 1)
        for place, there in enumerate(other):
            if token == there:
                current[place + 1] = previous[place] + 1
        longest, previous = max(longest, max(current)), current
    return longest


def _order(ordered: Sequence[str], other: Sequence[str]) -> float:
    """Longest common subsequence of the stems both have, by their number."""
    have = set(other)
    mine = [word for word in ordered if word in have][:_MOST_ORDERED]
    theirs = [word for word in other if word in set(mine)]
    if len(mine) < 2:
        return 1.0
    previous = [0] * (len(theirs) + 1)
    for word in mine:
        current = [0]
        for place, there in enumerate(theirs):
            current.append(previous[place] + 1 if word == there else max(previous[place + 1], current[-1]))
        previous = current
    return previous[-1] / len(mine)
