"""The reader as a stage of `crossroads train`."""

from __future__ import annotations

from training.reader.data import FILES, data_folder
from training.reader.recipe import ReaderRecipe
from training.reader.report import report_run, ship
from training.reader.train import train_reader
from training.registry import ModelVersion
from training.run import Run


def run_reader(recipe: ReaderRecipe, run: Run) -> ModelVersion:
    """Train or continue the reader, judge it on development rows, and write the weights as they ship."""
    folder = data_folder()
    run.use_data([*(folder / f"{name}.jsonl.gz" for name in FILES), *([recipe.own] if recipe.own else [])])
    resolved = recipe.model_copy(update={"base": run.resolve(str(recipe.base)), "out": run.folder})
    train_reader(resolved, run.note, run)
    report = report_run(resolved)
    ship(report, resolved, run.model)
    figures = report.metrics["squad_dev"]
    names = ("f1", "exact", "answerable_f1", "kept", "refused", "auc")
    return run.finish("reader", {name: figures[name]["value"] for name in names}, base=str(recipe.base))
