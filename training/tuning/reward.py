"""The reward model: a score for an answer, learnt from which of two people preferred."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.probe import refuse_weights
from training.registry import ModelVersion
from training.run import Run
from training.tuning.causal import adapted, calm, forget, in_bf16, load_model, load_tokenizer, reload, save_model
from training.tuning.measure import Encoded, interval
from training.tuning.pairs import PREFERENCE, encoded, prompt_of
from training.tuning.prepare import check, prepare
from training.tuning.recipe import RewardRecipe
from training.tuning.rows import Row
from training.tuning.texts import said
from training.tuning.trainers import arguments, fit, on_our_disk

_KIND = "SequenceClassification"


def run_reward(recipe: RewardRecipe, run: Run) -> ModelVersion:
    """Learn a reward model; judged on pairs held back.

    Metrics: `accuracy`, the share of pairs it decides as people did, with its interval; `length_accuracy`, what the
    better of "the longer one" and "the shorter one" reaches on the same pairs; `lead` over that, with its interval.
    """
    check(recipe, (PREFERENCE,))
    base = run.resolve(recipe.base)
    refuse_weights(base, whole=recipe.adapter == "none", bytes_each=2 if in_bf16(recipe) else 4)
    tokenizer = load_tokenizer(base)
    prepared = prepare(recipe, run, (PREFERENCE,), prompt_of, lambda row: _length(row, tokenizer, recipe.system))
    judged = prepared.dev[: recipe.judge_rows]

    def make(batch: int, accumulation: int) -> Any:
        return _trainer(recipe, run, prepared.train, judged, base, tokenizer, batch, accumulation)

    trainer = fit(make, recipe, run)
    save_model(trainer.model, tokenizer, run.model)
    forget(trainer.model)
    del trainer
    model = load_reward(base, run.model, tokenizer)
    right = [float(value > 0) for value in _leads(model, tokenizer, judged, recipe)]
    forget(model)
    return run.finish("reward", {"rows": len(prepared.train), **figures(right, judged)}, base=recipe.base)


def figures(right: Sequence[float], rows: Sequence[Row]) -> dict[str, float]:
    """Accuracy beside the better of two rules of length, on the same pairs."""
    longer = [float(_size(row, "chosen") > _size(row, "rejected")) for row in rows]
    shorter = [float(_size(row, "chosen") < _size(row, "rejected")) for row in rows]
    rule = max(longer, shorter, key=sum)
    accuracy, low, high = interval(right)
    lead, lead_low, lead_high = interval([one - other for one, other in zip(right, rule, strict=True)])
    return {
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "length_accuracy": sum(rule) / len(rule),
        "lead": lead,
        "lead_low": lead_low,
        "lead_high": lead_high,
        "judged": len(rows),
    }


def load_reward(base: Path, folder: Path, tokenizer: Any) -> Any:
    """A saved reward model, ready to score."""
    return reload(base, folder, _KIND, num_labels=1, pad_token_id=tokenizer.pad_token_id)


def scores(model: Any, rows: Sequence[Encoded], pad: int, batch: int = 8) -> list[float]:
    """The reward of each answer."""
    import torch

    found: dict[int, float] = {}
    order = sorted(range(len(rows)), key=lambda index: -len(rows[index].prompt) - len(rows[index].completion))
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        whole = [rows[index].prompt + rows[index].completion for index in part]
        width = max(len(ids) for ids in whole)
        ids = torch.tensor([line + [pad] * (width - len(line)) for line in whole], device=model.device)
        mask = torch.tensor([[1] * len(line) + [0] * (width - len(line)) for line in whole], device=model.device)
        with torch.inference_mode():
            out = model(input_ids=ids, attention_mask=mask).logits[:, 0].float()
        found |= {index: float(value) for index, value in zip(part, out, strict=True)}
    return [found[index] for index in range(len(rows))]


def _trainer(
    recipe: RewardRecipe, run: Run, train: list[Row], dev: list[Row], base: Path, tokenizer: Any, batch: int, more: int
) -> Any:
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    def rows(chosen: Sequence[Row]) -> Any:
        return Dataset.from_list([_pair(row, tokenizer, recipe) for row in chosen])

    with calm():
        options = {"num_labels": 1, "pad_token_id": tokenizer.pad_token_id}
        model = adapted(load_model(base, recipe, _KIND, **options), recipe, "SEQ_CLS")
        trainer: Any = on_our_disk(RewardTrainer, run)(
            model=model,
            args=RewardConfig(**arguments(recipe, run, batch, more), max_length=None),
            train_dataset=rows(train),
            eval_dataset=rows(dev),
            processing_class=tokenizer,
        )
    return trainer


def _pair(row: Row, tokenizer: Any, recipe: RewardRecipe) -> dict[str, list[int]]:
    made = {}
    for column in ("chosen", "rejected"):
        one = encoded(row, column, tokenizer, recipe.system)
        made[f"{column}_ids"] = (one.prompt + one.completion)[: recipe.max_length]
    return made


def _leads(model: Any, tokenizer: Any, rows: Sequence[Row], recipe: RewardRecipe) -> list[float]:
    """How much more reward the chosen answer gets."""
    pad = tokenizer.pad_token_id
    sides = [
        scores(model, [encoded(row, column, tokenizer, recipe.system) for row in rows], pad, recipe.batch)
        for column in ("chosen", "rejected")
    ]
    return [one - other for one, other in zip(*sides, strict=True)]


def _length(row: Row, tokenizer: Any, system: str) -> tuple[int, int]:
    sides = [encoded(row, column, tokenizer, system) for column in ("chosen", "rejected")]
    whole = max(len(side.prompt) + len(side.completion) for side in sides)
    return whole, min(len(side.completion) for side in sides)


def _size(row: Row, column: str) -> int:
    return len(said(row.values[column]))
