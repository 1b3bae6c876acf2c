"""The router as a stage of `crossroads train`."""

from __future__ import annotations

import random

from graphs.errors import UsageError
from training.registry import ModelVersion
from training.router.model import as_json
from training.router.recipe import RouterRecipe
from training.router.train import judge, learn, read_rows, write_metrics
from training.run import Run


def run_router(recipe: RouterRecipe, run: Run) -> ModelVersion:
    """Judge on held-out rows a router that has not seen them, then learn from all; takes seconds."""
    run.use_data(recipe.outcomes)
    rows = sorted(read_rows(recipe.outcomes), key=lambda row: str(row["id"]))
    if not rows:
        files = ", ".join(map(str, recipe.outcomes))
        raise UsageError(f"{files} has no rows.", "Write some with `crossroads routing outcomes` or bench/outcomes.py.")
    random.Random(recipe.seed).shuffle(rows)  # noqa: S311 - a split, no secret
    cut = max(1, round(recipe.held_out * len(rows)))
    shape = (recipe.model, recipe.directions, recipe.strength, recipe.seed)
    figures = judge(learn(rows[cut:], *shape), rows[:cut])
    run.note(f"{cut} held-out rows: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
    router = learn(rows, *shape)
    router.save(run.model)
    write_metrics(run.model, figures | {"rows": len(rows)}, as_json(router), recipe.model)
    return run.finish("router", figures | {"rows": float(len(rows))}, base=recipe.model)
