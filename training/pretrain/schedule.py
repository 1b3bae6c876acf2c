"""How the learning rate rises and falls."""

from __future__ import annotations

import math

from training.pretrain.recipe import PretrainRecipe


def share(step: int, recipe: PretrainRecipe) -> float:
    """Share of the full rate at a step: warm-up, then a cosine to a tenth, or WSD: flat, then a line to zero."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    if recipe.schedule == "wsd":
        falling = max(1, round(recipe.decay * recipe.steps))
        return min(1.0, (recipe.steps - step) / falling)
    place = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, place)))
