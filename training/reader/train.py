"""The reader's training: its loop's losses, and what is looked at meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import torch

from training.reader.checks import check_rows
from training.reader.data import Mixture, Window, data_folder, data_sha256
from training.reader.loop import PairLoop
from training.reader.model import ReaderNetwork, losses
from training.reader.recipe import ReaderRecipe
from training.run import Run


def train_reader(recipe: ReaderRecipe, report: Callable[[str], None] = print, run: Run | None = None) -> dict[str, Any]:
    """Train or continue a run; leaves `checkpoint.safetensors` and `run.json` in `recipe.out` and returns the record.

    Interrupted, the next call continues from the last checkpoint with the same order of the data. `run` is told of the
    losses and may ask to stop. Raises `ModelError` before the first step where the run cannot fit, `TrainingError`
    where the loss is no number (the last checkpoint is kept), `Cancelled` where it was stopped.
    """
    torch.manual_seed(recipe.seed)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    folder = data_folder()
    check_rows(folder)
    recipe.out.mkdir(parents=True, exist_ok=True)
    mixture = Mixture(recipe, folder)
    going = _Run(recipe, ReaderNetwork(recipe.base, recipe.dropout), mixture, report, run)
    going.resume()
    going.loop()
    record = {**going.record(), "data_sha256": data_sha256(folder), "recipe": recipe.model_dump(mode="json")}
    (recipe.out / "run.json").write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return record


class _Run(PairLoop):
    """The loop over questions with their passages."""

    names = ("span", "answerable")
    recipe: ReaderRecipe
    mixture: Mixture

    def losses(self, part: Sequence[Window]) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the spans, and of the judgement whether there is one."""
        return losses(self.network, part)

    def total(self, one: Any, other: Any) -> Any:
        """Weighted as the recipe says."""
        return one + self.recipe.answerability_weight * other

    def tokens(self, batch: Sequence[Window]) -> int:
        """Those of all windows."""
        return sum(len(window.ids) for window in batch)

    def look(self) -> dict[str, Any]:
        """F1 and AUC on a few development rows."""
        from training.reader.evaluate import quick_look

        return quick_look(self.network, self.mixture.tokens, self.recipe, data_folder())
