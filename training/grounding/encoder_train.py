"""The training of the grounding encoder: the reader's network and loop, over bags of sentences."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

from eval.squad import auc
from training.grounding.data import Claim
from training.grounding.encoder_data import Bag, Bags, Claims, family
from training.grounding.recipe import EncoderRecipe
from training.reader.loop import PairLoop
from training.reader.model import ReaderNetwork
from training.reader.reading import Piece, pad
from training.run import Run


def train_encoder(
    recipe: EncoderRecipe, claims: Claims, report: Callable[[str], None] = print, run: Run | None = None
) -> dict[str, Any]:
    """Train or continue a run; leaves `checkpoint.safetensors` and `run.json` in `recipe.out` and returns the record.

    Raises `ModelError` where the run cannot fit, `Cancelled` where it was stopped.
    """
    torch.manual_seed(recipe.seed)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    recipe.out.mkdir(parents=True, exist_ok=True)
    going = EncoderLoop(recipe, ReaderNetwork(recipe.base, recipe.dropout), Bags(claims), report, run)
    going.resume()
    going.loop()
    kept = recipe.model_dump(mode="json", exclude={"base", "out", "start", "features"})
    record = {**going.record(), "recipe": kept}
    (recipe.out / "run.json").write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return record


class EncoderLoop(PairLoop):
    """The loop over claims with their evidence."""

    names = ("people", "made")
    recipe: EncoderRecipe
    mixture: Bags

    def losses(self, part: Sequence[Bag]) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross-entropy of people's judgements and of the others, each as its share of the batch."""
        each = functional.binary_cross_entropy_with_logits(
            weakest(self.network, part), torch.tensor([float(bag.supported) for bag in part]), reduction="none"
        )
        weighted = each * torch.tensor([bag.weight for bag in part])
        made = torch.tensor([float(bag.made) for bag in part])
        return (weighted * (1 - made)).sum() / len(part), (weighted * made).sum() / len(part)

    def total(self, one: Any, other: Any) -> Any:
        """Weighted as the recipe says."""
        return one + self.recipe.made_weight * other

    def tokens(self, batch: Sequence[Bag]) -> int:
        """Those of all pieces."""
        return sum(len(piece.ids) for bag in batch for piece in bag.pieces)

    def look(self) -> dict[str, Any]:
        """AUC by set on some of the claims that weights are fitted on later."""
        claims = self.mixture.claims
        draw = random.Random(0)  # noqa: S311 - a sample, no secret
        among = claims.of("fit")
        some = draw.sample(among, min(self.recipe.evaluate_rows, len(among)))
        scores = claim_logits(self.network, [claims.pieces(claim) for claim in some])
        return by_set(some, [min(found, default=9.0) for found in scores])


def by_set(claims: Sequence[Claim], scores: Sequence[float]) -> dict[str, float]:
    """AUC for each set with both labels."""
    found: dict[str, float] = {}
    for name in sorted({family(claim) for claim in claims}):
        sides = (
            [s for s, c in zip(scores, claims, strict=True) if family(c) == name and c.supported is side]
            for side in (True, False)
        )
        yes, no = sides
        if yes and no:
            found[name] = round(auc(yes, no), 3)
    return found


def weakest(network: ReaderNetwork, bags: Sequence[Bag]) -> torch.Tensor:
    """One logit a bag: a soft minimum of its sentences', so that each of them learns."""
    pieces = [piece for bag in bags for piece in bag.pieces]
    logits = network(*map(torch.from_numpy, pad(pieces)))[2].float()
    parts = torch.split(logits, [len(bag.pieces) for bag in bags])
    return torch.stack([-torch.logsumexp(-part, 0) for part in parts])


@torch.inference_mode()
def claim_logits(network: ReaderNetwork, claims: Sequence[Sequence[Piece]], batch: int = 16) -> list[list[float]]:
    """The logit of every piece of every claim."""
    network.eval()
    flat = sorted(
        ((number, place, piece) for number, own in enumerate(claims) for place, piece in enumerate(own)),
        key=lambda entry: len(entry[2].ids),
    )
    found = [[0.0] * len(own) for own in claims]
    for first in range(0, len(flat), batch):
        part = flat[first : first + batch]
        logits = network(*map(torch.from_numpy, pad([piece for _, _, piece in part])))[2].float().tolist()
        for (number, place, _), logit in zip(part, logits, strict=True):
            found[number][place] = logit
    return found
