"""The router's recipe."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from training.recipe import Recipe


class RouterRecipe(Recipe):
    """One training of the router."""

    stage: str = "router"
    outcomes: list[Path]
    """JSON Lines that `bench/outcomes.py` or `crossroads routing outcomes` wrote."""
    model: str = "local:smollm2-135m-instruct"
    """The chat model whose paths the outcomes are of."""
    held_out: float = Field(default=0.25, gt=0, lt=1)
    """Share of the rows the reported figures are of; the weights that ship learn from all."""
    directions: int = Field(default=12, ge=0, le=64)
    """Directions of the question's embedding that are looked at."""
    strength: float = Field(default=3.0, gt=0)
    """Of the pull of every weight to zero."""
