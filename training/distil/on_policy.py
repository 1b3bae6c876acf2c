"""On-policy distillation: the student writes, the teacher says how likely each of its tokens is (TRL)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphs.errors import UsageError
from training.data.rows import rows_of, text_of
from training.distil.recipe import DistilRecipe
from training.pretrain.model import new_model
from training.registry import ModelVersion
from training.run import Run


def run_on_policy(recipe: DistilRecipe, run: Run, tokenizer: Any, folder: Path, base: Path | None) -> ModelVersion:
    """Teach on what the student writes to the prompts in the data; the divergence from the teacher falls."""
    prompts = _prompts(recipe, tokenizer)
    from training.distil.stage import load_teacher
    from training.tuning.trainers import fit

    teacher = load_teacher(folder, recipe)

    def make(batch: int, accumulate: int) -> Any:
        student = new_model(recipe, tokenizer, base, teacher.config.vocab_size)
        return _trainer(recipe, run, tokenizer, prompts, teacher, student, batch, accumulate)

    trainer = fit(make, recipe, run, key="accumulate", less="answer_tokens, context, hidden or layers lower")
    losses = [event["loss"] for event in run.events("step")]
    trainer.model.save_pretrained(run.model)
    tokenizer.save_pretrained(run.model)
    fifth = max(1, len(losses) // 5)
    figures = {"divergence_first": sum(losses[:fifth]) / fifth, "divergence_last": sum(losses[-fifth:]) / fifth}
    return run.finish("chat", figures, base=recipe.base, parent=recipe.teacher)


def _prompts(recipe: DistilRecipe, tokenizer: Any) -> list[str]:
    """What the student is asked. Raises `UsageError` naming the row that is broken or too long."""
    prompts = []
    for row in rows_of(recipe.data):
        if not (prompt := text_of(row, recipe.text)).strip():
            continue
        if (tokens := len(tokenizer(prompt)["input_ids"])) > recipe.context:
            said = f"{row.where} has {tokens} tokens; context is {recipe.context}."
            raise UsageError(said, "Shorten it, take it out, or raise context.")
        prompts.append(prompt)
    if len(prompts) < recipe.batch:
        said = f"There are {len(prompts)} prompts, fewer than a batch of {recipe.batch}."
        raise UsageError(said, f"Give more, or lower batch. Is {recipe.text!r} the column with the prompts?")
    return prompts


def _trainer(
    recipe: DistilRecipe,
    run: Run,
    tokenizer: Any,
    prompts: list[str],
    teacher: Any,
    student: Any,
    batch: int,
    accumulate: int,
) -> Any:
    import torch
    from datasets import Dataset
    from trl import DistillationConfig, DistillationTrainer

    from training.tuning.causal import calm
    from training.tuning.trainers import on_our_disk

    arguments = DistillationConfig(
        output_dir=str(run.folder / "trainer"),
        max_steps=recipe.steps,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulate,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        max_grad_norm=recipe.clip,
        max_completion_length=recipe.answer_tokens,
        temperature=1.0,
        seed=recipe.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=recipe.checkpoint_every,
        report_to=[],
        disable_tqdm=True,
        bf16=recipe.precision == "bf16",
        activation_checkpointing=recipe.gradient_checkpointing,
        use_cpu=not torch.cuda.is_available(),
    )
    with calm():
        trainer: Any = on_our_disk(DistillationTrainer, run)(
            model=student,
            teacher_model=teacher,
            args=arguments,
            train_dataset=Dataset.from_dict({"prompt": prompts}),
            processing_class=tokenizer,
        )
    return trainer
