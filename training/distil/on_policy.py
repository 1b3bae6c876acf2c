"""On-policy distillation: the student writes, the teacher says how likely each of its tokens is (TRL)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from graphs.errors import TrainingError, UsageError
from training.data.rows import rows_of, text_of
from training.distil.recipe import DistilRecipe
from training.pretrain.model import new_model
from training.registry import ModelVersion
from training.run import Run


def run_on_policy(recipe: DistilRecipe, run: Run, tokenizer: Any, folder: Path, base: Path | None) -> ModelVersion:
    """Teach on what the student writes to the prompts in the data; the divergence from the teacher falls."""
    prompts = [text for row in rows_of(recipe.data) if (text := text_of(row, recipe.text)).strip()]
    if len(prompts) < recipe.batch:
        said = f"There are {len(prompts)} prompts, fewer than a batch of {recipe.batch}."
        raise UsageError(said, f"Give more, or lower batch. Is {recipe.text!r} the column with the prompts?")
    long = [n for n, prompt in enumerate(prompts, 1) if len(tokenizer(prompt)["input_ids"]) > recipe.context]
    if long:
        raise UsageError(f"Prompt {long[0]} is longer than context={recipe.context}.", "Shorten it or raise context.")
    from training.distil.stage import load_teacher
    from training.tuning.causal import calm

    teacher = load_teacher(folder, recipe)
    student = new_model(recipe, tokenizer, base, teacher.config.vocab_size)
    found = run.last_checkpoint()
    with calm():
        trainer = _trainer(recipe, run, tokenizer, prompts, teacher, student)
        trainer.train(resume_from_checkpoint=str(found[0]) if found else None)
    if run.stop.is_set():
        run.stop_if_asked(trainer.state.global_step, lambda: None)  # its last step was saved already
    losses = [event["loss"] for event in run.events("step")]
    trainer.model.save_pretrained(run.model)
    tokenizer.save_pretrained(run.model)
    fifth = max(1, len(losses) // 5)
    figures = {"divergence_first": sum(losses[:fifth]) / fifth, "divergence_last": sum(losses[-fifth:]) / fifth}
    return run.finish("chat", figures, base=recipe.base, parent=recipe.teacher)


def _trainer(recipe: DistilRecipe, run: Run, tokenizer: Any, prompts: list[str], teacher: Any, student: Any) -> Any:
    import torch
    from datasets import Dataset
    from trl import DistillationConfig, DistillationTrainer

    from training.tuning.trainers import on_our_disk

    arguments = DistillationConfig(
        output_dir=str(run.folder / "trainer"),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulate,
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
    return on_our_disk(DistillationTrainer, run)(
        model=student,
        teacher_model=teacher,
        args=arguments,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=tokenizer,
        callbacks=[_log(run)],
    )


def _log(run: Run) -> Any:
    from transformers import TrainerCallback

    class Log(TrainerCallback):  # type: ignore[misc, unused-ignore]
        """TRL's figures in our log; stops where the loss is no number, and saves where somebody asked to stop."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            """After each step."""
            del args, state
            if run.stop.is_set():
                control.should_save = control.should_training_stop = True

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            """One step's figures."""
            del args, control
            if logs and "loss" in logs:
                loss = float(logs["loss"])
                if not math.isfinite(loss):
                    kept = run.kept_checkpoint()
                    said = f"The loss is {loss} at step {state.global_step}; the last good checkpoint is {kept}."
                    raise TrainingError(said, "Lower learning_rate in a new run; --resume goes back to the checkpoint.")
                run.log("step", step=state.global_step, steps=state.max_steps, loss=loss)

    return Log()
