"""Distillation as a stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphs.errors import UsageError
from training.data.rows import files_of
from training.distil.recipe import DistilRecipe
from training.pretrain.stage import first_perplexity, load_tokenizer, token_streams
from training.registry import ModelVersion
from training.run import Run


def run_distil(recipe: DistilRecipe, run: Run) -> ModelVersion:
    """Teach the student and measure both on held-out text. Raises `UsageError` for data that cannot serve or
    vocabularies that differ, before a model is loaded."""
    run.use_data(files_of([*recipe.data, *recipe.dev]))
    folder = run.resolve(recipe.teacher)
    base = run.resolve(recipe.base) if recipe.base else None
    tokenizer = load_tokenizer(run.resolve(recipe.tokenizer) if recipe.tokenizer else folder)
    _same_vocabulary(tokenizer, folder, base)
    if recipe.method == "on_policy":
        from training.distil.on_policy import run_on_policy

        return run_on_policy(recipe, run, tokenizer, folder, base)
    return _by_logits(recipe, run, tokenizer, folder, base)


def _by_logits(recipe: DistilRecipe, run: Run, tokenizer: Any, folder: Path, base: Path | None) -> ModelVersion:
    streams = token_streams(recipe, run, tokenizer)
    from training.pretrain.loop import Loop
    from training.pretrain.model import new_model

    teacher = load_teacher(folder, recipe)
    student = new_model(recipe, tokenizer, base, teacher.config.vocab_size)
    loop = Loop(recipe, run, student, tokenizer, streams, Taught(teacher, recipe.temperature, recipe.alpha))
    teacher.to(loop.accelerator.device)
    run.note(f"teacher {teacher.num_parameters():,} parameters, student {student.num_parameters():,}")
    best = loop.measure(teacher)["perplexity"]
    began = first_perplexity(loop, run)
    found = loop.go()
    if loop.accelerator.is_main_process:
        loop.bare.save_pretrained(run.model)
        tokenizer.save_pretrained(run.model)
    loop.accelerator.wait_for_everyone()
    metrics = {**found, "perplexity_before": began, "perplexity_teacher": best}
    return run.finish("chat", metrics, base=recipe.base, parent=recipe.teacher)


class Taught:
    """alpha · T² · KL(teacher ‖ student) + (1 - alpha) · cross-entropy (Hinton, Vinyals & Dean 2015)."""

    def __init__(self, teacher: Any, temperature: float, alpha: float) -> None:
        self._teacher, self._temperature, self._alpha = teacher, temperature, alpha

    def __call__(self, student: Any, batch: dict[str, Any]) -> Any:
        """The mean loss of a batch."""
        import torch
        from torch.nn import functional

        out = student(**batch)
        with torch.no_grad():
            wanted = self._teacher(input_ids=batch["input_ids"]).logits
        width = min(wanted.shape[-1], out.logits.shape[-1])
        ours = functional.log_softmax(out.logits[..., :width].float() / self._temperature, -1).flatten(0, 1)
        theirs = functional.log_softmax(wanted[..., :width].float() / self._temperature, -1).flatten(0, 1)
        apart = functional.kl_div(ours, theirs, log_target=True, reduction="batchmean")
        return self._alpha * self._temperature**2 * apart + (1 - self._alpha) * out.loss


def load_teacher(folder: Path, recipe: DistilRecipe) -> Any:
    """The teacher, frozen, in the precision of the run."""
    import torch
    from transformers import AutoModelForCausalLM

    kind = torch.float32 if recipe.precision == "fp32" else torch.bfloat16
    teacher: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=kind)
    return teacher.eval().requires_grad_(False)


def _same_vocabulary(tokenizer: Any, teacher: Path, base: Path | None) -> None:
    """Raise `UsageError` where teacher or student read other tokens."""
    for name, folder in (("teacher", teacher), ("student", base)):
        if folder is not None and load_tokenizer(folder).get_vocab() != tokenizer.get_vocab():
            cure = "Let the teacher write a file (`crossroads data generate`) and train on it with the stage sft."
            raise UsageError(f"The {name}'s vocabulary is another one, so probabilities cannot be compared.", cure)
