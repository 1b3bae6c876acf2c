"""The grounding model's recipe."""

from __future__ import annotations

from pydantic import Field

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
