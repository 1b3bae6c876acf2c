"""The loop of pretraining and distillation, on accelerate: one device, several, or several machines.

Every step is a pure function of recipe and step number (which blocks, which tokens are hidden, which dropout), so a
continued run walks the same curve.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from graphs.errors import TrainingError
from training.data.packing import Stream
from training.pretrain.devices import on_processor
from training.pretrain.objectives import Ids, batch_of
from training.pretrain.recipe import PretrainRecipe
from training.pretrain.schedule import share
from training.probe import Estimate, MemoryWatch, out_of_memory, refuse, scaled
from training.run import Run
from training.state import load_state, save_state, weight_groups

Result = TypeVar("Result")
LossOf = Callable[[Any, dict[str, Any]], Any]
"""Model and batch (tensors on its device) → the mean loss to step on."""


def plain_loss(model: Any, batch: dict[str, Any]) -> Any:
    """The model's own loss."""
    return model(**batch).loss


class Loop:
    """A model on its way through a stream of tokens."""

    def __init__(
        self,
        recipe: PretrainRecipe,
        run: Run,
        model: Any,
        tokenizer: Any,
        streams: tuple[Stream, Stream],
        loss_of: LossOf = plain_loss,
    ) -> None:
        import torch
        from accelerate import Accelerator
        from accelerate.utils import DistributedDataParallelKwargs

        self.recipe, self.run, self.tokenizer, self.loss_of = recipe, run, tokenizer, loss_of
        self.train, self.dev = streams
        precision = {"fp32": "no"}.get(recipe.precision, recipe.precision)
        handlers = [DistributedDataParallelKwargs(broadcast_buffers=False)]
        self.accelerator = Accelerator(cpu=on_processor(), mixed_precision=precision, kwargs_handlers=handlers)
        if recipe.gradient_checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        self.micro, self.accumulate = recipe.batch, recipe.accumulate
        optimizer = torch.optim.AdamW(
            weight_groups(model, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, recipe.beta2)
        )
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.step = 0
        self.held: list[float] = []
        """Held-out losses so far, the first before the first step."""
        self._passes: tuple[int, Ids] = (-1, np.array([], dtype=np.int64))
        self._blocks = self.train.blocks(recipe.context)

    @property
    def bare(self) -> Any:
        """The model itself, without what accelerate wraps around it."""
        return self.accelerator.unwrap_model(self.model)

    def go(self) -> dict[str, float]:
        """Step until the recipe's steps are done, or `patience` ends it; the last evaluation.

        Raises `ModelError` before the first step where the run cannot fit, `TrainingError` where the loss is no number
        (the last checkpoint is kept), `Cancelled` where it was stopped.
        """
        self._resume()
        if self.step < self.recipe.steps:
            self._say_and_refuse()
        began, first = time.monotonic(), self.step
        while self.step < self.recipe.steps and not self._no_better():
            loss, norm = self._one_step()
            self.step += 1
            if self.step % self.recipe.log_every == 0:
                self._log(loss, norm, (time.monotonic() - began) / (self.step - first))
            if self.step % self.recipe.evaluate_every == 0 and self.step < self.recipe.steps:
                self.evaluate()
            if self.step % self.recipe.checkpoint_every == 0:
                self.save()
            self.run.stop_if_asked(self.step, self.save)
        found = self.evaluate() if self.step == self.recipe.steps else {}
        return self._best() if self.recipe.patience and self._since_best() else found

    def _log(self, loss: float, norm: float, seconds: float) -> None:
        recipe = self.recipe
        self.run.log(
            "step",
            step=self.step,
            steps=recipe.steps,
            loss=loss,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            norm=norm,
            tokens_per_second=round(self.tokens_of_step() / max(1e-9, seconds), 1),
            seconds_left=round((recipe.steps - self.step) * seconds, 1),
        )

    def foresee(self, passes: int = 2) -> Estimate:
        """Time and memory of a few real passes, scaled to the steps that are left; the weights stay as they are."""
        durations = []
        with MemoryWatch() as watch:
            for number in range(passes):
                began = time.monotonic()
                self._pass(number % self.accumulate)
                durations.append(time.monotonic() - began)
        self.optimizer.zero_grad(set_to_none=True)
        each = min(durations) * self.accumulate
        speed = self.tokens_of_step() / max(each, 1e-9)
        return scaled(self.bare, self.run.folder, self.recipe.steps - self.step, each, watch, speed)

    def _say_and_refuse(self) -> None:
        estimate = self._within_memory(self.foresee)
        self.run.log("estimate", **estimate.as_json(), text=estimate.words)
        less = "context, hidden or layers lower, or gradient_checkpointing=true"
        refuse(estimate, self.micro, self.accumulate, key="accumulate", less=less)

    def _no_better(self) -> bool:
        """Whether so many evaluations in a row as `patience` says brought no better loss."""
        return bool(self.recipe.patience) and self._since_best() >= self.recipe.patience

    def _since_best(self) -> int:
        """Evaluations since the one with the best loss."""
        return len(self.held) - 1 - int(np.argmin(self.held)) if self.held else 0

    def _best(self) -> dict[str, float]:
        """Take the best weights seen back, and say so; how they do."""
        from safetensors.torch import load_model

        self.run.note(f"step {self.step}: the weights with the best held-out loss, {min(self.held):.4f}, are kept")
        self.accelerator.wait_for_everyone()
        load_model(self.bare, str(self.run.folder / "best" / "model.safetensors"))
        return self.evaluate()

    def evaluate(self) -> dict[str, float]:
        """Loss and perplexity on held-out blocks, hidden tokens the same each time, and a few samples."""
        found = self.measure(self.model)
        self.run.log("evaluation", step=self.step, **found)
        self.held.append(found["loss"])
        if self.accelerator.is_main_process:
            if self.recipe.patience and found["loss"] == min(self.held):
                self.bare.save_pretrained(self.run.folder / "best")
            self._samples()
        self.model.train()
        return found

    def measure(self, model: Any) -> dict[str, float]:
        """Loss and perplexity of any model with this tokenizer on the held-out blocks."""
        import torch

        recipe = self.recipe
        blocks = min(recipe.evaluate_blocks, self.dev.blocks(recipe.context))
        model.eval()
        total = torch.zeros(2, dtype=torch.float64)
        with torch.no_grad():
            for first in range(0, blocks, self.micro):
                numbers = range(first, min(first + self.micro, blocks))
                rows = np.stack([self.dev.block(number, recipe.context) for number in numbers])
                batch = self._tensors(rows, seed=first)
                counted = int((batch["labels"] != -100).sum())
                total += torch.tensor([float(model(**batch).loss) * counted, counted], dtype=torch.float64)
        loss = float(total[0] / total[1])
        return {"loss": round(loss, 5), "perplexity": round(math.exp(min(loss, 50.0)), 4)}

    def save(self) -> None:
        """A checkpoint; processes wait for it."""
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            self.run.checkpoint(self.step, self._write, micro=self.micro, accumulate=self.accumulate, held=self.held)
        self.accelerator.wait_for_everyone()

    def _write(self, folder: Path) -> None:
        self.bare.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        save_state(folder, self.optimizer.optimizer)

    def _resume(self) -> None:
        from safetensors.torch import load_model

        found = self.run.last_checkpoint()
        if not found:
            return
        folder, self.step, state = found
        self.micro, self.accumulate, self.held = state["micro"], state["accumulate"], state.get("held", [])
        load_model(self.bare, str(folder / "model.safetensors"))
        load_state(folder, self.optimizer.optimizer)

    def _one_step(self) -> tuple[float, float]:
        """Gradients of all passes, clipped, applied; mean loss and norm. Halves the pass where memory ran out."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * share(self.step, self.recipe)
        loss = self._within_memory(self._gradients)
        self._refuse_no_number("loss", loss)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        if self.recipe.precision != "fp16":  # whose scaler leaves such a step out and goes on with a smaller scale
            self._refuse_no_number("gradient's norm", float(norm))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return round(loss, 6), round(float(norm), 5)

    def _refuse_no_number(self, what: str, value: float) -> None:
        """Before a step ruins the weights: raise `TrainingError` that names the checkpoint that is kept."""
        if math.isfinite(value):
            return
        kept = self.run.kept_checkpoint()
        cure = "Lower learning_rate or clip, or raise warmup_steps, in a new run; --resume goes back to it."
        raise TrainingError(f"The {what} is {value} at step {self.step + 1}; the last good checkpoint is {kept}.", cure)

    def _within_memory(self, work: Callable[[], Result]) -> Result:
        """Do some work, each time memory runs out with passes of half the size."""
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                self._halve()

    def _gradients(self) -> float:
        import torch

        total = torch.zeros((), device=self.accelerator.device)
        for number in range(self.accumulate):
            total += self._pass(number) / self.accumulate
        return float(self.accelerator.reduce(total, reduction="mean"))

    def _pass(self, number: int) -> Any:
        """Add the gradients of one pass of this step; its loss."""
        import torch

        last = number == self.accumulate - 1
        with self.accelerator.no_sync(self.model) if not last else nullcontext():
            torch.manual_seed(self._seed(number))
            loss = self.loss_of(self.model, self._tensors(self._rows(number), self._seed(number)))
            self.accelerator.backward(loss / self.accumulate)
        return loss.detach()

    def _halve(self) -> None:
        if self.micro == 1:
            cure = "Lower context or the model's size, or set gradient_checkpointing: true."
            raise TrainingError("Memory does not suffice for one block.", cure)
        self.optimizer.zero_grad(set_to_none=True)
        self.micro, self.accumulate = math.ceil(self.micro / 2), self.accumulate * 2
        self.run.note(f"out of memory: now {self.accumulate} passes of {self.micro} blocks a step")

    def _rows(self, number: int) -> Ids:
        """The blocks of one pass of this process, shape (batch, context)."""
        processes, index = self.accelerator.num_processes, self.accelerator.process_index
        first = (self.step * self.accumulate + number) * processes * self.micro + index * self.micro
        return np.stack([self._block(place) for place in range(first, first + self.micro)])

    def _block(self, place: int) -> Ids:
        """The block at a place of the endless row of shuffled passes over the data."""
        number, within = divmod(place, self._blocks)
        if self._passes[0] != number:
            order = np.random.default_rng((self.recipe.seed, number)).permutation(self._blocks)
            self._passes = (number, order)
        return np.asarray(self.train.block(int(self._passes[1][within]), self.recipe.context))

    def _seed(self, number: int) -> int:
        index = self.accelerator.process_index
        return ((self.recipe.seed * 1_000_003 + self.step) * 64 + number) * 64 + int(index)

    def _tensors(self, rows: Ids, seed: int) -> dict[str, Any]:
        import torch

        batch = batch_of(rows, self.recipe, self.tokenizer, seed)
        return {name: torch.from_numpy(values).to(self.accelerator.device) for name, values in batch.items()}

    def tokens_of_step(self) -> int:
        """Tokens all processes read in one step."""
        return int(self.micro * self.accumulate * self.accelerator.num_processes * self.recipe.context)

    def _samples(self) -> None:
        from training.pretrain.samples import sample

        for prompt in self.recipe.prompts if self.recipe.sample_tokens else ():
            text = sample(self.bare, self.tokenizer, prompt, self.recipe, self.accelerator.device)
            self.run.log("sample", step=self.step, text=text)
