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
from typing import Any

import numpy as np

from graphs.errors import TrainingError
from training.data.packing import Stream
from training.pretrain.devices import on_processor
from training.pretrain.objectives import Ids, batch_of
from training.pretrain.recipe import PretrainRecipe
from training.run import Run
from training.state import load_state, save_state

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
            _groups(model, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, recipe.beta2)
        )
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.step = 0
        self._passes: tuple[int, Ids] = (-1, np.array([], dtype=np.int64))
        self._blocks = self.train.blocks(recipe.context)

    @property
    def bare(self) -> Any:
        """The model itself, without what accelerate wraps around it."""
        return self.accelerator.unwrap_model(self.model)

    def go(self) -> dict[str, float]:
        """Step until the recipe's steps are done; the last evaluation. Raises `TrainingError` where the loss is no
        number (the last checkpoint is kept), `Cancelled` where it was stopped."""
        self._resume()
        recipe = self.recipe
        seconds, tokens = time.monotonic(), 0
        while self.step < recipe.steps:
            loss, norm = self._one_step()
            self.step += 1
            tokens += self.tokens_of_step()
            if self.step % recipe.log_every == 0:
                speed = tokens / max(1e-9, time.monotonic() - seconds)
                rate = self.optimizer.param_groups[0]["lr"]
                self.run.log(
                    "step", step=self.step, loss=loss, learning_rate=rate, norm=norm, tokens_per_second=round(speed, 1)
                )
                seconds, tokens = time.monotonic(), 0
            if self.step % recipe.evaluate_every == 0 and self.step < recipe.steps:
                self.evaluate()
            if self.step % recipe.checkpoint_every == 0:
                self.save()
            self.run.stop_if_asked(self.step, self.save)
        return self.evaluate()

    def evaluate(self) -> dict[str, float]:
        """Loss and perplexity on held-out blocks, hidden tokens the same each time, and a few samples."""
        found = self.measure(self.model)
        self.run.log("evaluation", step=self.step, **found)
        if self.accelerator.is_main_process:
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
            self.run.checkpoint(self.step, self._write, micro=self.micro, accumulate=self.accumulate)
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
        self.micro, self.accumulate = state["micro"], state["accumulate"]
        load_model(self.bare, str(folder / "model.safetensors"))
        load_state(folder, self.optimizer.optimizer)

    def _one_step(self) -> tuple[float, float]:
        """Gradients of all passes, clipped, applied; mean loss and norm. Halves the pass where memory ran out."""
        import torch

        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * share(self.step, self.recipe)
        while True:
            try:
                loss = self._gradients()
                break
            except torch.OutOfMemoryError:
                self._halve()
        if not math.isfinite(loss):
            kept = self.run.kept_checkpoint()
            cure = "Lower learning_rate or clip, or raise warmup_steps, in a new run; --resume goes back to it."
            raise TrainingError(
                f"The loss is {loss} at step {self.step + 1}; the last good checkpoint is {kept}.", cure
            )
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return round(loss, 6), round(float(norm), 5)

    def _gradients(self) -> float:
        import torch

        total = torch.zeros((), device=self.accelerator.device)
        for number in range(self.accumulate):
            last = number == self.accumulate - 1
            with self.accelerator.no_sync(self.model) if not last else nullcontext():
                torch.manual_seed(self._seed(number))
                loss = self.loss_of(self.model, self._tensors(self._rows(number), self._seed(number)))
                self.accelerator.backward(loss / self.accumulate)
            total += loss.detach() / self.accumulate
        return float(self.accelerator.reduce(total, reduction="mean"))

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


def share(step: int, recipe: PretrainRecipe) -> float:
    """Share of the full rate at a step: warm-up, then a cosine to a tenth, or WSD: flat, then a line to zero."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    if recipe.schedule == "wsd":
        falling = max(1, round(recipe.decay * recipe.steps))
        return min(1.0, (recipe.steps - step) / falling)
    place = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, place)))


def _groups(model: Any, decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices only."""
    trained = [value for value in model.parameters() if value.requires_grad]
    return [
        {"params": [value for value in trained if value.dim() > 1], "weight_decay": decay},
        {"params": [value for value in trained if value.dim() <= 1], "weight_decay": 0.0},
    ]
