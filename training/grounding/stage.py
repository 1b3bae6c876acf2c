"""The grounding checker as a stage of `crossroads train`."""

from __future__ import annotations

from training.grounding.recipe import GroundingRecipe
from training.grounding.train import train_grounding
from training.reader.data import data_folder
from training.registry import ModelVersion
from training.run import Run


def run_grounding(recipe: GroundingRecipe, run: Run) -> ModelVersion:
    """Learn the weights and judge them on held-out sources; two minutes, so an interrupted run begins anew."""
    folder = data_folder()
    run.use_data(folder / f"{name}.jsonl.gz" for name in (*recipe.rows, "squad_train"))
    metrics = train_grounding(recipe.model_copy(update={"out": run.model}), run.note)
    figures = metrics["held_out"]["all"]
    names = ("balanced_accuracy", "low", "high", "auc", "ece", "n")
    return run.finish("grounding", {name: figures[name] for name in names if figures[name] is not None})
