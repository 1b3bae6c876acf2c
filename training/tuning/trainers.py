"""TRL's and transformers' trainers on a run folder of ours: plain checkpoints, one log, and a watch over each step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from graphs.errors import Cancelled, ModelError
from training.probe import out_of_memory, probe, refuse
from training.run import Run
from training.state import load_random, load_state, save_state
from training.tuning.causal import calm, in_bf16, on_gpu
from training.tuning.recipe import TuningRecipe

Make = Callable[[int, int], Any]
"""Builds the trainer for a batch and an accumulation."""
_LESS = "max_length lower, gradient_checkpointing=true or adapter=lora"


class Stepped(Protocol):
    """What every recipe that transformers' trainers step through has."""

    @property
    def batch(self) -> int:
        """Rows of one pass."""

    @property
    def patience(self) -> int:
        """Evaluations without a better loss before it ends; 0 never does."""


def arguments(recipe: TuningRecipe, run: Run, batch: int, accumulation: int) -> dict[str, Any]:
    """What every trainer is told: transformers' `TrainingArguments` by name."""
    return {
        "output_dir": str(run.folder / "trainer"),
        "per_device_train_batch_size": batch,
        "per_device_eval_batch_size": batch,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "max_steps": recipe.steps or -1,
        "num_train_epochs": recipe.epochs,
        "eval_strategy": "steps",
        "eval_steps": recipe.evaluate_every,
        "save_strategy": "steps",
        "save_steps": recipe.checkpoint_every,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": [],
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "bf16": in_bf16(recipe),
        "use_cpu": not on_gpu(),
        "activation_checkpointing": recipe.gradient_checkpointing,
        "include_num_input_tokens_seen": "non_padding",
        "dataloader_pin_memory": False,
    }


def fit(make: Make, recipe: Stepped, run: Run, *, key: str = "accumulation", less: str = _LESS) -> Any:
    """Train to the end, from the last checkpoint where the run is continued; the trainer, its best weights in place.

    `key` is the recipe's for accumulation; `less` are the settings that help where no batch fits. Out of memory halves
    the batch and doubles the accumulation. Raises `Cancelled` where somebody asked to stop and
    `ModelError` where the loss is no number or the memory too small; a good checkpoint is kept in both cases.
    """
    batch, accumulation, again = recipe.batch, int(getattr(recipe, key)), False
    while True:
        trainer = make(batch, accumulation)
        _quiet(trainer)
        watch = Watch(recipe, run, trainer)
        trainer.add_callback(watch.callback())
        from_there = run.last_checkpoint(again=again)
        try:
            with calm():
                estimate = probe(trainer, run.folder, done=from_there[1] if from_there else 0)
                run.log("estimate", **estimate.as_json(), text=estimate.words)
                refuse(estimate, batch, accumulation, key=key, less=less)
                if from_there and not estimate.steps:
                    trainer._load_from_checkpoint(str(from_there[0]))  # it was stopped at its very end
                else:
                    trainer.train(resume_from_checkpoint=str(from_there[0]) if from_there else None)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            batch, accumulation = halved(batch, accumulation, less)
            again = True
            run.note(f"out of memory: going on with batch {batch}, accumulation {accumulation}")
            del trainer, watch
            _free()
            continue
        if run.stop.is_set():
            run.note(f"stopped at step {trainer.state.global_step}; --resume continues from there")
            raise Cancelled(f"stopped at step {trainer.state.global_step}")
        watch.restore_best()
        return trainer


def _quiet(trainer: Any) -> None:
    """Standard output belongs to the command's result: the run's log tells what transformers would print there."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def halved(batch: int, accumulation: int, less: str = _LESS) -> tuple[int, int]:
    """The next smaller batch with the same number of rows a step. Raises `ModelError` where there is none."""
    if batch < 2:
        raise ModelError("A batch of one row does not fit the memory.", f"Set {less}.")
    return batch // 2, accumulation * 2


def on_our_disk(trainer: type[Any], run: Run) -> type[Any]:
    """A trainer class whose checkpoints are the run's: safetensors and JSON alone, whole or not there."""

    class Ours(trainer):  # type: ignore[misc]
        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            del model, trial
            run.checkpoint(self.state.global_step, self._write)

        def _write(self, folder: Path) -> None:
            with calm():
                self.model.save_pretrained(folder)
            save_state(folder, self.optimizer, self.lr_scheduler)
            self.state.save_to_json(str(folder / "trainer_state.json"))

        def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
            if checkpoint is not None:
                load_state(Path(checkpoint), self.optimizer, self.lr_scheduler)

        def _load_rng_state(self, checkpoint: str | None) -> None:
            if checkpoint is not None:
                load_random(Path(checkpoint))

    Ours.__name__ = trainer.__name__
    return Ours


class Watch:
    """What is looked at after each step: the loss, the clock, who asked to stop, and whether it still gets better."""

    def __init__(self, recipe: Stepped, run: Run, trainer: Any) -> None:
        self._recipe, self._run, self._trainer = recipe, run, trainer
        self._began, self._first, self._tokens = time.time(), 0, 0.0
        self._best, self._since = math.inf, 0
        for line in run.events("evaluation"):
            self._judge(float(line.get("loss", math.inf)))

    def callback(self) -> Any:
        """The watch as transformers wants it."""
        from transformers import TrainerCallback

        watch = self

        class Callback(TrainerCallback):
            def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:  # type: ignore[override]
                watch.begin(state)

            def on_step_end(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:  # type: ignore[override]
                if watch.stopping():
                    control.should_save = control.should_training_stop = True

            def on_log(self, _args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # type: ignore[override]
                watch.step(state, logs or {})
                if watch.stopping():
                    control.should_save = control.should_training_stop = True

            def on_evaluate(self, _args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:  # type: ignore[override]
                control.should_training_stop |= watch.evaluation(state, metrics or {})

        return Callback()

    def begin(self, state: Any) -> None:
        """Start the clock."""
        self._began, self._first = time.time(), state.global_step
        self._run.log("begin", step=state.global_step, steps=state.max_steps)

    def stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self._run.stop.is_set()

    def step(self, state: Any, logs: dict[str, Any]) -> None:
        """Write a step to the log. Raises `ModelError` where the loss is no number."""
        if "loss" not in logs:
            return
        loss, step = float(logs["loss"]), state.global_step
        if not math.isfinite(loss) or not math.isfinite(float(logs.get("grad_norm", 0.0))):
            kept = self._run.newest_step()
            where = f"the checkpoint of step {kept} is kept" if kept else "no checkpoint was written yet"
            cure = "Lower learning_rate, or look for broken rows; then --resume, or start anew."
            raise ModelError(f"The loss of step {step} is {loss}: training ended, {where}.", cure)
        done = max(1, step - self._first)
        seconds = max(1e-9, time.time() - self._began)
        tokens = float(state.num_input_tokens_seen or logs.get("num_tokens") or 0)
        if not self._tokens:
            self._tokens = tokens / (done + 1) if done == 1 else tokens
        figures = {name: round(float(value), 6) for name, value in logs.items() if _is_number(value)}
        figures |= {"steps": state.max_steps, "seconds_left": round((state.max_steps - step) * seconds / done, 1)}
        if tokens:
            figures["tokens_per_second"] = round(tokens / seconds, 1)
        self._run.log("step", step=step, **figures)

    def evaluation(self, state: Any, metrics: dict[str, Any]) -> bool:
        """Write an evaluation to the log; whether to end early."""
        figures = {
            name.removeprefix("eval_"): round(float(value), 6)
            for name, value in metrics.items()
            if _is_number(value) and not name.endswith(("per_second", "runtime", "epoch"))
        }
        self._run.log("evaluation", step=state.global_step, **figures)
        if self._judge(figures.get("loss", math.inf)) and self._recipe.patience:
            with calm():
                self._trainer.model.save_pretrained(self._run.folder / "best")
        ends = bool(self._recipe.patience) and self._since >= self._recipe.patience
        if ends:
            self._run.note(f"ended early at step {state.global_step}: {self._since} evaluations without a better loss")
        return ends

    def restore_best(self) -> None:
        """Put the best weights seen back, where the recipe ends early."""
        best = self._run.folder / "best"
        if self._recipe.patience and best.is_dir() and self._since:
            with calm():
                self._trainer._load_from_checkpoint(str(best))
            self._run.note(f"kept the weights with the best held-back loss, {self._best:.4f}")

    def _judge(self, loss: float) -> bool:
        better = loss < self._best
        self._best, self._since = (loss, 0) if better else (self._best, self._since + 1)
        return better


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _free() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
