"""The grounding model: logistic weights over features, kept as JSON, with bounds that no weight can lift."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from training.grounding.features import NAMES, Features, Places, Rarity, Sentence, measure

WRONG_NUMBER, WRONG_NAME, TURNED, REORDERED = 0.2, 0.3, 0.3, 0.4
"""The most a sentence can score with a number or a name the evidence lacks, negated where the evidence is not, or
made of one place's words in another order."""
_CLOSE, _SAME = 0.7, 0.999
"""Share of a sentence's words a place must have before its numbers and its order count."""
_IN_ORDER = 0.8


Logits = Callable[[Sequence[Sentence], Places], Sequence[float]]
"""The encoder's logit of each sentence against the evidence."""


@dataclass(frozen=True)
class Joined:
    """Weights for the features together with the encoder's logit."""

    weights: tuple[float, ...]
    logit: float
    bias: float


@dataclass(frozen=True)
class GroundingModel:
    """Weights in the features' order, a bias, and how telling words are."""

    weights: tuple[float, ...]
    bias: float
    rarity: Rarity
    joined: Joined | None = None
    """What takes their place where the encoder is there; None where none was trained."""

    @classmethod
    def load(cls, path: Path) -> GroundingModel:
        """Read `model.json`. Raises `ValueError` where it was made for other features."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        if tuple(raw["features"]) != NAMES:
            raise ValueError(f"{path} has weights for {raw['features']!r}, the code measures {NAMES!r}. Train again.")
        rarity = Rarity(raw["rarity"], raw["unknown_rarity"], frozenset(raw["common"].split()))
        joined = raw.get("joined")
        joined = Joined(tuple(joined["weights"]), joined["logit"], joined["bias"]) if joined else None
        return cls(tuple(raw["weights"]), raw["bias"], rarity, joined)

    def save(self, path: Path) -> None:
        """Write `model.json`."""
        value = {"features": NAMES, "weights": self.weights, "bias": self.bias}
        value |= {"joined": asdict(self.joined)} if self.joined else {}
        value |= {
            "unknown_rarity": self.rarity.unknown,
            "rarity": dict(self.rarity.values),
            "common": " ".join(sorted(self.rarity.common)),
        }
        path.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")

    def scores(self, texts: Sequence[str], evidence: Sequence[str], logits: Logits | None = None) -> list[float]:
        """How likely each sentence is supported, 0–1: a copy is 1, and without evidence all are 0.

        `logits` asks the encoder, which copies need not; without it the features decide alone.
        """
        places = Places(evidence)
        if not places.windows:
            return [0.0] * len(texts)
        sentences = [Sentence(text) for text in texts]
        rest = [sentence for sentence in sentences if not places.verbatim(sentence)]
        found = logits(rest, places) if logits and rest else [None] * len(rest)
        chances = {
            id(sentence): round(self.score(measure(sentence, places, self.rarity), logit), 4)
            for sentence, logit in zip(rest, found, strict=True)
        }
        return [chances.get(id(sentence), 1.0) for sentence in sentences]

    def score(self, features: Features, logit: float | None = None, *, bounded: bool = True) -> float:
        """The logistic chance, held down where a number, a name, a negation or the order of words is wrong."""
        weights, total = self.weights, self.bias
        if logit is not None and self.joined:
            weights, total = self.joined.weights, self.joined.bias + self.joined.logit * logit
        total += sum(w * value for w, value in zip(weights, features.values(), strict=True))
        chance = 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))
        return min(chance, *_bounds(features)) if bounded else chance


def _bounds(features: Features) -> tuple[float, ...]:
    wrong_number = features.numbers > 0 or (features.numbers_local > 0 and features.local >= _CLOSE)
    reordered = features.order < _IN_ORDER and features.local >= _SAME
    return (
        WRONG_NUMBER if wrong_number else 1.0,
        WRONG_NAME if features.names > 0 else 1.0,
        TURNED if features.negation > 0 else 1.0,
        REORDERED if reordered else 1.0,
    )
