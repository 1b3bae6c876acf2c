"""What of the evidence the encoder sees with a sentence: the parts that share its telling words, in their order.

Shared by training and by the checker that ships, so that both show the encoder the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from training.grounding.features import Places, Rarity, Sentence
from training.reader.reading import CLS, SEP, Piece

Encode = Callable[[str], Sequence[int]]
"""A text's token ids, without special tokens."""
_LONGEST = 48
"""Words of an evidence sentence beyond which it is cut into parts."""
_AGAIN = 0.3
"""What a word already found elsewhere is still worth."""
_NEAR = 0.3
"""What a sentence is worth for standing next to one with shared words."""


class Evidence:
    """Evidence cut into sentences, each tokenised once."""

    def __init__(self, places: Places, encode: Encode) -> None:
        self.parts = [part for sentence in places.sentences for part in _cut(sentence)]
        self.ids = [list(encode(part.text)) for part in self.parts]

    def piece(self, claim: Sentence, claim_ids: Sequence[int], rarity: Rarity, most: int, most_claim: int) -> Piece:
        """Claim and excerpt as the encoder reads them, at most `most` tokens."""
        head = [CLS, *claim_ids[:most_claim], SEP]
        room = most - len(head) - 1
        chosen = self._choose(claim, room, rarity)
        ids = [token for number in chosen for token in self.ids[number]][:room]
        return Piece([*head, *ids, SEP], len(head), 0)

    def _choose(self, claim: Sentence, room: int, rarity: Rarity) -> list[int]:
        if sum(map(len, self.ids)) <= room:
            return list(range(len(self.parts)))
        shared = [claim.stems & part.stems for part in self.parts]
        left, found, chosen = set(range(len(self.parts))), set[str](), list[int]()
        full = [sum(map(rarity.of, words)) for words in shared]
        while left:
            best = max(left, key=lambda number: (_worth(number, shared, full, found, rarity), -number))
            left.remove(best)
            if len(self.ids[best]) <= room or not chosen:
                chosen.append(best)
                room -= len(self.ids[best])
                found |= shared[best]
            if room < 8:
                break
        return sorted(chosen)


def _worth(number: int, shared: Sequence[set[str]], full: Sequence[float], found: set[str], rarity: Rarity) -> float:
    new = sum(map(rarity.of, shared[number] - found))
    beside = max((full[other] for other in (number - 1, number + 1) if 0 <= other < len(full)), default=0.0)
    return new + _AGAIN * (full[number] - new) + _NEAR * beside


def _cut(sentence: Sentence) -> list[Sentence]:
    words = sentence.text.split()
    if len(words) <= _LONGEST:
        return [sentence]
    return [Sentence(" ".join(words[first : first + _LONGEST])) for first in range(0, len(words), _LONGEST)]
