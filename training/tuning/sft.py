"""Supervised fine-tuning: the model learns the answers it should have given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.squad import f1
from training.probe import refuse_weights
from training.registry import ModelVersion
from training.run import Run
from training.tuning.causal import adapted, calm, forget, in_bf16, load_model, load_tokenizer, reload, save_model
from training.tuning.measure import Encoded, answers, change, log_likelihoods
from training.tuning.prepare import Prepared, check, prepare
from training.tuning.recipe import SftRecipe
from training.tuning.rows import Values
from training.tuning.shared import collator, grow
from training.tuning.texts import SFT_SHAPES, encode, turns
from training.tuning.trainers import arguments, fit, on_our_disk


def run_sft(recipe: SftRecipe, run: Run) -> ModelVersion:
    """Tune a model on rows of any of `SFT_SHAPES`; judged on rows held back, before and after.

    Metrics: the loss of a token (`loss`) and, where there are prompts, the F1 of what it writes. A gain comes with
    its interval, row by row.
    """
    check(recipe, SFT_SHAPES)
    base = run.resolve(recipe.base)
    refuse_weights(base, whole=recipe.adapter == "none", bytes_each=2 if in_bf16(recipe) else 4)
    tokenizer = load_tokenizer(base)
    prepared = prepare(
        recipe, run, SFT_SHAPES, _document, lambda row: _pair(encode(*turns(row), tokenizer, recipe.system))
    )
    judged = prepared.dev[: recipe.judge_rows]
    encoded = [encode(*turns(row), tokenizer, recipe.system) for row in judged]
    targets = [turns(row)[1] for row in judged]
    before = _look(reload(base, base), tokenizer, encoded, targets, recipe)
    run.log("judged", when="before", **_means(before))

    def make(batch: int, accumulation: int) -> Any:
        return _trainer(recipe, run, prepared, base, tokenizer, batch, accumulation)

    trainer = fit(make, recipe, run)
    save_model(trainer.model, tokenizer, run.model)
    forget(trainer.model)
    del trainer
    after = _look(reload(base, run.model), tokenizer, encoded, targets, recipe)
    run.log("judged", when="after", **_means(after))
    metrics: dict[str, float] = {"rows": len(prepared.train), "dropped": prepared.dropped, "judged": len(judged)}
    for name in after:
        metrics |= change(name, before[name], after[name])
    return run.finish("chat" if recipe.adapter == "none" else "adapter", metrics, base=recipe.base)


def _trainer(
    recipe: SftRecipe, run: Run, prepared: Prepared, base: Path, tokenizer: Any, batch: int, accumulation: int
) -> Any:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    def rows(chosen: Any) -> Any:
        encoded = [encode(*turns(row), tokenizer, recipe.system) for row in chosen]
        if recipe.shared_prompts:
            keys = [_document(row.values) + str(row.values.get("passages", "")) for row in chosen]
            trees = grow(list(zip(keys, encoded, strict=True)), recipe.max_length)
            return Dataset.from_list([tree.as_row() for tree in trees])
        return Dataset.from_list([_labelled(row, recipe) for row in encoded])

    common = arguments(recipe, run, batch, accumulation)
    if recipe.shared_prompts:
        common |= {"include_num_input_tokens_seen": "all"}  # the mask has no tokens to count
    with calm():
        config = SFTConfig(
            **common,
            max_length=recipe.max_length,
            packing=recipe.packing and not recipe.shared_prompts,
            packing_strategy="bfd",
            eval_packing=False,
            completion_only_loss=False,  # the labels say it already
            dataset_num_proc=None,
        )
        model = adapted(load_model(base, recipe), recipe)
        trainer: Any = on_our_disk(SFTTrainer, run)(
            model=model,
            args=config,
            train_dataset=rows(prepared.train),
            eval_dataset=rows(prepared.dev[: recipe.judge_rows]),
            processing_class=tokenizer,
            data_collator=collator(tokenizer.pad_token_id) if recipe.shared_prompts else None,
        )
    return trainer


def _labelled(row: Encoded, recipe: SftRecipe) -> dict[str, list[int]]:
    learnt = row.completion if recipe.completion_only else row.prompt + row.completion
    skipped = len(row.prompt) + len(row.completion) - len(learnt)
    ids = (row.prompt + row.completion)[: recipe.max_length]
    return {"input_ids": ids, "labels": ([-100] * skipped + learnt)[: recipe.max_length]}


def _look(
    model: Any, tokenizer: Any, encoded: list[Encoded], targets: list[str], recipe: SftRecipe
) -> dict[str, list[float]]:
    """What is judged, row by row."""
    longest = recipe.max_length
    inside = [Encoded(row.prompt[-longest:], row.completion[:longest]) for row in encoded]
    if any(not row.prompt for row in inside):
        inside = [Encoded(row.completion[:1], row.completion[1:]) for row in inside]
        looked = {"loss": [-value for value in log_likelihoods(model, inside, tokenizer.pad_token_id, recipe.batch)]}
    else:
        written = answers(model, tokenizer, [row.prompt for row in inside], recipe.answer_tokens, recipe.batch)
        likely = log_likelihoods(model, inside, tokenizer.pad_token_id, recipe.batch)
        looked = {
            "loss": [-value for value in likely],
            "f1": [100 * f1(text, [target]) for text, target in zip(written, targets, strict=True)],
        }
    forget(model)
    return looked


def _means(values: dict[str, list[float]]) -> dict[str, float]:
    return {name: round(sum(found) / len(found), 4) for name, found in values.items()}


def _pair(row: Encoded) -> tuple[int, int]:
    """Tokens in all, and to learn; of a text without a prompt neither the first nor the one that ends it counts."""
    return len(row.prompt) + len(row.completion), len(row.completion) - (0 if row.prompt else 2)


def _document(values: Values) -> str:
    """What rows of one document share, so that none is held back while its sister is learnt."""
    for name in ("document", "context", "prompt", "text"):
        if values.get(name):
            return str(values[name])
    if "passages" in values:
        return str(values.get("title") or values["question"])
    return str(values["messages"][:-1])
