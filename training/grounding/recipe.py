"""The recipes of the grounding model: of its weights over features, and of its encoder."""

from __future__ import annotations

from pydantic import Field

from training.reader.recipe import PairRecipe
from training.recipe import Recipe


class GroundingRecipe(Recipe):
    """One training of the grounding model."""

    stage: str = "grounding"
    seed: int = 7
    held_out: float = Field(default=0.3, gt=0, lt=1)
    rows: dict[str, int]
    swaps: int = Field(default=1200, ge=0)
    vocabulary: int = Field(default=6000, ge=100)
    regularisation: float = Field(default=1.0, gt=0)


class EncoderRecipe(PairRecipe):
    """One training of the grounding encoder, and the fit of the weights that join it with the features."""

    stage: str = "grounding-encoder"
    features: GroundingRecipe
    """Whose rows are learnt from and judged on; its held-out sources are held out here too."""
    calibration: float = Field(default=0.12, gt=0, lt=0.5)
    """Share of the sources the encoder does not learn from and no figures are taken of: weights are fitted there."""
    repeats: dict[str, float]
    """How often the claims of a set are drawn in one pass; fractions draw a random part."""
    swaps: int = Field(default=4000, ge=0)
    """Sentences of passages, kept or spoiled, to draw from."""
    spoiled: int = Field(default=1500, ge=0)
    """People's supported claims that are spoiled anew in each pass."""
    made_weight: float = Field(default=0.5, ge=0)
    """Weight of the loss on claims nobody judged as a response: pairs of FEVER and DialFact, swaps, spoiled ones."""
    cue_share: float = Field(default=0.5, gt=0, le=1)
    """Share of contradictions among the pairs with `not`, `only` and the like; more are left out, for in FEVER the
    words alone give the label away."""
    max_claim_tokens: int = Field(default=80, ge=16, le=256)
    most_sentences: int = Field(default=4, ge=1)
    """Sentences of one response that are learnt from at most."""
