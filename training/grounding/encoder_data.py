"""What the grounding encoder learns from: claims of people, pairs, and sentences made wrong, as bags of token pieces.

Everything is a pure function of recipe and pass number, so a resumed run sees the same batches.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from eval.sample import read_rows
from graphs.errors import UsageError
from training.grounding.data import Claim, load_claims, make_swaps, names_in, rarity_of
from training.grounding.excerpt import Evidence
from training.grounding.features import Places, Rarity, unlike
from training.grounding.recipe import EncoderRecipe
from training.grounding.spoil import spoil
from training.reader.data import Tokens, read_jsonl
from training.reader.reading import Piece

PAIRS = ("fever", "dialfact")
"""Sets of `nli_train` that are used; RTE and CB have terms for research only."""
FILES = ("nli_train", "squad_train", "squad_unlabelled", "qa_extractive_train")
MADE = (*PAIRS, "swaps", "spoiled")
_CUE = re.compile(r"\b(?:not|only|never|incapable|unable|failed|refused?|zero|exclusively)\b|n't\b", re.IGNORECASE)
Part = Literal["learn", "fit", "judge"]


@dataclass(frozen=True)
class Bag:
    """The sentences of one claim as the encoder sees them; the label is the weakest one's."""

    pieces: tuple[Piece, ...]
    supported: bool
    weight: float
    """So that both labels count alike within a set."""
    made: bool
    """Not people's judgement of a response."""

    @property
    def longest(self) -> int:
        """Tokens of the longest piece."""
        return max(len(piece.ids) for piece in self.pieces)


class Claims:
    """All claims, their part, and how they look to the encoder."""

    def __init__(self, recipe: EncoderRecipe, folder: Path) -> None:
        self.recipe, self.tokens = recipe, Tokens(recipe.base)
        features = recipe.features
        self.people = load_claims(folder, features.rows, features.seed)
        squad = sorted({row["context"] for row in read_jsonl(folder / "squad_train.jsonl.gz")})
        self.rarity: Rarity = rarity_of(
            [claim.evidence for claim in self.people if not claim.held_out(features.held_out)] + squad,
            features.vocabulary,
        )
        self.judged_swaps = make_swaps(squad, features.swaps, features.seed)
        self.pairs = load_pairs(folder)
        more = [row["context"] for name in FILES[2:] for row in read_jsonl(folder / f"{name}.jsonl.gz")]
        passages = sorted({text for text in [*squad, *more] if self.part(text) == "learn"})
        self.swaps = make_swaps(passages, recipe.swaps, recipe.seed)
        self.names = names_in(passages)
        self._evidence: dict[str, tuple[Places, Evidence]] = {}

    def part(self, source: Claim | str) -> Part:
        """Which part a source belongs to, by its hash."""
        place = (source if isinstance(source, Claim) else Claim("", source, True, "")).place()
        held_out = self.recipe.features.held_out
        return "judge" if place < held_out else "fit" if place < held_out + self.recipe.calibration else "learn"

    def of(self, part: Part) -> list[Claim]:
        """The claims that are fitted on or judged: people's, swaps and pairs."""
        return [claim for claim in [*self.people, *self.judged_swaps, *self.pairs] if self.part(claim) == part]

    @cached_property
    def learn(self) -> dict[str, list[Claim]]:
        """The claims that are learnt from, by set; pairs without most of those that a word gives away."""
        found: dict[str, list[Claim]] = {}
        for claim in [*self.people, *self.swaps]:
            if self.part(claim) == "learn":
                found.setdefault(family(claim), []).append(claim)
        for name in PAIRS:
            own = [claim for claim in self.pairs if claim.group == name and self.part(claim) == "learn"]
            found[name] = without_cues(own, self.recipe.cue_share, self.recipe.seed)
        return found

    def places(self, evidence: str) -> tuple[Places, Evidence]:
        """The evidence, cut and tokenised once."""
        if evidence not in self._evidence:
            places = Places([evidence])
            self._evidence[evidence] = (places, Evidence(places, lambda text: self.tokens.encode(text)[0]))
        return self._evidence[evidence]

    def pieces(self, claim: Claim) -> list[Piece]:
        """One for each sentence that does not stand in the evidence word for word."""
        places, evidence = self.places(claim.evidence)
        sizes = (self.recipe.max_tokens, self.recipe.max_claim_tokens)
        return [
            evidence.piece(one, self.tokens.encode(one.text)[0], self.rarity, *sizes)
            for one in unlike(claim.text, places)
        ]


def family(claim: Claim) -> str:
    """The set a claim belongs to, parts of one set together."""
    return claim.group.partition("_")[0]


def load_pairs(folder: Path) -> list[Claim]:
    """Premise and hypothesis of FEVER and DialFact as claims. Raises `UsageError` naming the line at fault."""
    path, found = folder / "nli_train.jsonl.gz", []
    for number, row in read_rows(path):
        lacks = [column for column in ("premise", "hypothesis", "label", "dataset") if column not in row]
        if lacks:
            cure = "Write rows with premise, hypothesis, label (entailment where it follows) and dataset."
            raise UsageError(f"{path}, line {number} has no column {lacks[0]!r}.", cure)
        if row["dataset"] in PAIRS and row["premise"].strip() and row["hypothesis"].strip():
            supported = row["label"] == "entailment"
            found.append(Claim(row["hypothesis"].strip(), row["premise"], supported, row["dataset"]))
    return found


def without_cues(claims: Sequence[Claim], share: float, seed: int) -> list[Claim]:
    """The claims without so many wrong ones with a cue such as `not` that a cue would tell the label."""
    draw = random.Random(seed)  # noqa: S311 - a sample, no secret
    cued = [claim for claim in claims if _CUE.search(claim.text)]
    right, wrong = ([claim for claim in cued if claim.supported is side] for side in (True, False))
    most = round(len(right) * share / (1 - share)) if share < 1 else len(wrong)
    kept = set(map(id, right + draw.sample(wrong, min(most, len(wrong)))))
    return [claim for claim in claims if id(claim) in kept or not _CUE.search(claim.text)]


class Bags:
    """Draws each pass's claims as the recipe says, and batches them by length."""

    def __init__(self, claims: Claims) -> None:
        self.claims, self.recipe = claims, claims.recipe
        self._seen: dict[int, tuple[Piece, ...]] = {}
        counts = {name: Counter(claim.supported for claim in own) for name, own in claims.learn.items()}
        self._weights = {
            (name, side): min(3.0, sum(count.values()) / 2 / count[side])
            for name, count in counts.items()
            for side in (True, False)
            if count[side]
        }

    def batches(self, number: int) -> list[list[Bag]]:
        """Pass `number` as batches of bags of like length, each at most `batch_tokens` padded."""
        draw = random.Random(f"{self.recipe.seed}-{number}")  # noqa: S311 - shuffling, no secret
        bags = [bag for claim in self._drawn(draw) if (bag := self._bag(claim))]
        batches: list[list[Bag]] = []
        for first in range(0, len(bags), 800):
            groups = list(_groups(sorted(bags[first : first + 800], key=lambda bag: bag.longest), self.recipe))
            draw.shuffle(groups)
            batches += groups
        return batches

    def _drawn(self, draw: random.Random) -> list[Claim]:
        drawn: list[Claim] = []
        for name, repeat in self.recipe.repeats.items():
            own = self.claims.learn.get(name, [])
            drawn += own * int(repeat) + draw.sample(own, round(len(own) * (repeat % 1)))
        right = [c for name, own in self.claims.learn.items() if name not in MADE for c in own if c.supported]
        for claim in draw.sample(right, min(self.recipe.spoiled, len(right))):
            if changed := spoil(claim.text, claim.evidence, self.claims.names, draw):
                drawn.append(replace(claim, text=changed, supported=False, group="spoiled"))
        draw.shuffle(drawn)
        return drawn

    def _bag(self, claim: Claim) -> Bag | None:
        if id(claim) not in self._seen or claim.group == "spoiled":
            self._seen[id(claim)] = tuple(self.claims.pieces(claim)[: self.recipe.most_sentences])
        pieces, name = self._seen[id(claim)], family(claim)
        weight = self._weights.get((name, claim.supported), 1.0)
        return Bag(pieces, claim.supported, weight, name in MADE) if pieces else None


def _groups(pool: Sequence[Bag], recipe: EncoderRecipe) -> Iterator[list[Bag]]:
    group: list[Bag] = []
    for bag in pool:
        pieces = sum(len(one.pieces) for one in [*group, bag])
        if group and bag.longest * pieces > recipe.batch_tokens:
            yield group
            group = []
        group.append(bag)
    if group:
        yield group
