"""The grounding checker's weights, and its encoder, as stages of `crossroads train`."""

from __future__ import annotations

from training.grounding.model import GroundingModel
from training.grounding.recipe import EncoderRecipe, GroundingRecipe
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


def run_encoder(recipe: EncoderRecipe, run: Run) -> ModelVersion:
    """Learn the features' weights, train or continue the encoder, join the two, and judge them on held-out sources."""
    from training.grounding.encoder_data import FILES, Claims
    from training.grounding.encoder_report import report_encoder, ship_encoder
    from training.grounding.encoder_train import train_encoder
    from training.reader.reads import load_network

    folder = data_folder()
    run.use_data(folder / f"{name}.jsonl.gz" for name in (*recipe.features.rows, *FILES))
    resolved = recipe.model_copy(update={"base": run.resolve(str(recipe.base)), "out": run.folder})
    claims = Claims(resolved, folder)
    record = train_encoder(resolved, claims, run.note, run)
    features = recipe.features.model_copy(update={"out": run.folder / "features"})
    train_grounding(features, run.note)
    model = GroundingModel.load(features.out / "model.json")
    network = load_network(resolved, halved=True)
    model, metrics = report_encoder(resolved, claims, network, model, run.note)
    ship_encoder(network, model, metrics | {"run": record}, resolved, run.model)
    figures = metrics["held_out"]["all"]
    names = ("balanced_accuracy", "low", "high", "auc", "ece", "n")
    return run.finish("grounding", {name: figures[name] for name in names}, base=str(recipe.base))
