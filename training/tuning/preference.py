"""DPO, ORPO and KTO: the model learns to find liked answers likelier than disliked ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from graphs.errors import UsageError
from training.probe import refuse_weights
from training.registry import ModelVersion
from training.run import Run
from training.tuning.causal import adapted, calm, forget, in_bf16, load_model, load_tokenizer, reload, save_model
from training.tuning.measure import change, log_likelihoods
from training.tuning.pairs import PREFERENCE, VOTE, encoded, for_trl, prompt_of, unpaired
from training.tuning.prepare import check, prepare
from training.tuning.recipe import PairRecipe
from training.tuning.rows import Row
from training.tuning.trainers import arguments, fit, on_our_disk


def run_pairs(recipe: PairRecipe, run: Run) -> ModelVersion:
    """Tune a model on preferences; judged on pairs or votes held back, before and after.

    Metrics: `margin`, how much likelier a token of the chosen answer is than one of the rejected (natural log),
    `preferred`, the share of pairs where it is, and `chosen`, how likely a token of the chosen is by itself, which
    preference losses may lower; each with its gain and interval.
    """
    shapes = (PREFERENCE, VOTE) if recipe.stage == "kto" else (PREFERENCE,)
    check(recipe, shapes)
    base = run.resolve(recipe.base)
    refuse_weights(base, whole=recipe.adapter == "none", bytes_each=2 if in_bf16(recipe) else 4)
    tokenizer = load_tokenizer(base)
    prepared = prepare(recipe, run, shapes, prompt_of, lambda row: _length(row, tokenizer, recipe.system))
    train, judged = prepared.train, prepared.dev[: recipe.judge_rows]
    if recipe.stage == "kto":
        train, judged = unpaired(train), unpaired(judged)
        _both_labels(train)
    before, liked_before = _margins(reload(base, base), tokenizer, judged, recipe)
    trainer = fit(lambda batch, more: _trainer(recipe, run, train, judged, base, tokenizer, batch, more), recipe, run)
    save_model(trainer.model, tokenizer, run.model)
    forget(trainer.model)
    del trainer
    after, liked_after = _margins(reload(base, run.model), tokenizer, judged, recipe)
    metrics: dict[str, float] = {"rows": len(train), "dropped": prepared.dropped, "judged": len(judged)}
    metrics |= change("margin", before, after)
    metrics |= change("preferred", [float(value > 0) for value in before], [float(value > 0) for value in after])
    if liked_before:  # of votes held back all may be of dislike
        metrics |= change("chosen", liked_before, liked_after)
    run.log("judged", when="after", margin=metrics["margin"], preferred=metrics["preferred"])
    return run.finish("chat" if recipe.adapter == "none" else "adapter", metrics, base=recipe.base)


def _trainer(
    recipe: PairRecipe, run: Run, train: list[Row], dev: list[Row], base: Path, tokenizer: Any, batch: int, more: int
) -> Any:
    from datasets import Dataset

    config, trainer = _classes(recipe.stage)
    options = {**arguments(recipe, run, batch, more), "beta": recipe.beta, "max_length": recipe.max_length}
    if recipe.stage == "dpo":
        options["loss_type"] = [recipe.loss or "sigmoid", *(["sft"] if recipe.sft_weight else [])]
        options["loss_weights"] = [1.0, *([recipe.sft_weight] if recipe.sft_weight else [])]
    elif recipe.loss:
        options["loss_type"] = recipe.loss
    with calm():
        model = adapted(load_model(base, recipe), recipe)
        built: Any = on_our_disk(trainer, run)(
            model=model,
            args=config(**options),
            train_dataset=Dataset.from_list(for_trl(train, tokenizer, recipe.system)),
            eval_dataset=Dataset.from_list(for_trl(dev, tokenizer, recipe.system)),
            processing_class=tokenizer,
        )
    return built


def _classes(stage: str) -> tuple[Any, Any]:
    import trl

    if stage == "dpo":
        return trl.DPOConfig, trl.DPOTrainer
    if stage == "kto":
        return trl.KTOConfig, trl.KTOTrainer
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    return ORPOConfig, ORPOTrainer


def _margins(model: Any, tokenizer: Any, rows: list[Row], recipe: PairRecipe) -> tuple[list[float], list[float]]:
    """For pairs how much likelier the chosen answer is; for votes the likelihood, negative where it was disliked.

    And how likely each chosen or liked answer is by itself.
    """
    pad = tokenizer.pad_token_id

    def likely(column: str) -> list[float]:
        given = [encoded(row, column, tokenizer, recipe.system) for row in rows]
        return log_likelihoods(model, given, pad, recipe.batch)

    if "completion" in rows[0].values:
        found = likely("completion")
        liked = [bool(row.values["label"]) for row in rows]
        margins = [value if good else -value for good, value in zip(liked, found, strict=True)]
        chosen = [value for good, value in zip(liked, found, strict=True) if good]
    else:
        chosen = likely("chosen")
        margins = [one - other for one, other in zip(chosen, likely("rejected"), strict=True)]
    forget(model)
    return margins, chosen


def _length(row: Row, tokenizer: Any, system: str) -> tuple[int, int]:
    columns = ("chosen", "rejected") if "chosen" in row.values else ("completion",)
    sizes = [encoded(row, column, tokenizer, system) for column in columns]
    longest = max(sizes, key=lambda one: len(one.completion))
    return len(longest.prompt) + len(longest.completion), min(len(one.completion) for one in sizes)


def _both_labels(rows: list[Row]) -> None:
    labels = {bool(row.values["label"]) for row in rows}
    if len(labels) < 2:
        only = "liked" if labels == {True} else "disliked"
        cure = "Add votes of the other kind: there is nothing to tell apart."
        raise UsageError(f"All {len(rows)} votes of {str(rows[0].path)!r} are {only}.", cure)
