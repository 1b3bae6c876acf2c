"""The training loop of encoders that read two texts together: resumable, and it cools down in time for a deadline."""

from __future__ import annotations

import json
import math
import platform
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch

from graphs.errors import ModelError, NotFoundError, TrainingError
from training.probe import MemoryWatch, out_of_memory, refuse, scaled
from training.reader.model import ReaderNetwork
from training.reader.recipe import PairRecipe
from training.run import Run
from training.state import weight_groups


@dataclass
class Progress:
    """Where a run stands; saved with every checkpoint."""

    step: int = 0
    number: int = 0
    """The pass over the data."""
    batch: int = 0
    """The next batch of that pass."""
    cooldown_step: int = -1
    """The step the cool-down began at; -1 before."""
    share: float = 1.0
    """Share of the full rate that the cool-down has left."""
    began: float = 0.0
    """Unix time; the deadline is so many minutes behind it as the recipe says, and moves when the recipe does."""
    examples: int = 0
    working: float = 0.0
    """Seconds spent in steps."""
    cuts: int = 1
    """Into so many parts each worker's share of a batch is cut; more where memory ran out."""


class Batches(Protocol):
    """Where a loop takes its batches from."""

    def batches(self, number: int) -> list[list[Any]]:
        """Pass `number` over the data: the same for the same number."""
        ...


class PairLoop(ABC):
    """The loop with its clock and its checkpoints, over whatever examples `losses` understands."""

    names: ClassVar[tuple[str, str]]
    """What the two losses are called."""

    def __init__(
        self,
        recipe: PairRecipe,
        network: ReaderNetwork,
        mixture: Batches,
        report: Callable[[str], None],
        run: Run | None = None,
    ) -> None:
        self.recipe, self.network, self.mixture, self.report, self.run = recipe, network, mixture, report, run
        _freeze(network, recipe.frozen_layers)
        self.optimizer = torch.optim.AdamW(
            weight_groups(network, recipe.weight_decay), lr=recipe.learning_rate, fused=True
        )
        self.progress = Progress(began=time.time())
        if recipe.precision == "bf16":  # the fused attention's backward is slow in bf16 on processors
            network.encoder.set_attn_implementation("eager")
        self.recent: list[tuple[float, float, float, int]] = []
        self.passes = 0.0
        self.workers = ThreadPoolExecutor(recipe.workers)

    @abstractmethod
    def losses(self, part: Sequence[Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Two losses of a batch or a part of one; what is learnt from is `total` of them."""

    @abstractmethod
    def total(self, one: Any, other: Any) -> Any:
        """The two losses as one."""

    @abstractmethod
    def tokens(self, batch: Sequence[Any]) -> int:
        """How many tokens a batch has, without padding."""

    @abstractmethod
    def look(self) -> dict[str, Any]:
        """Figures on development rows."""

    def loop(self) -> None:
        """Step until the steps are done or the cool-down has ended."""
        progress = self.progress
        batches = self.mixture.batches(progress.number)
        self.network.train()
        if progress.step < self.recipe.steps:
            self._say_and_refuse(batches[:2])
        while progress.step < self.recipe.steps and progress.share > 0.002:
            if progress.batch >= len(batches):
                progress.number, progress.batch = progress.number + 1, 0
                batches = self.mixture.batches(progress.number)
            self._step(batches[progress.batch])
            progress.batch += 1
            self.passes = progress.number + progress.batch / len(batches)
            self._after_step()
        self.save()

    def _say_and_refuse(self, batches: Sequence[Sequence[Any]]) -> None:
        """Say what the run will take, by a few real passes, and refuse what cannot fit."""
        durations = []
        with MemoryWatch() as watch:
            for batch in batches:
                began = time.monotonic()
                self._gradients(batch)
                durations.append(time.monotonic() - began)
        self.optimizer.zero_grad(set_to_none=True)
        left, each = self.recipe.steps - self.progress.step, min(durations)
        estimate = scaled(self.network, self.recipe.out, left, each, watch, self.recipe.batch_tokens / max(each, 1e-9))
        if self.run:
            self.run.log("estimate", **estimate.as_json(), text=estimate.words)
        refuse(estimate, 1, 1, less="batch_tokens or max_tokens lower")

    def _step(self, batch: Sequence[Any]) -> None:
        began = time.time()
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.progress.step)  # with one worker dropout repeats
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * self._share()
        span, judged = self._gradients(batch)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._refuse_no_number(span, judged, float(norm))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        seconds = time.time() - began
        self.recent = [*self.recent[-49:], (span, judged, seconds, self.tokens(batch))]
        self.progress.step += 1
        self.progress.examples += len(batch)
        self.progress.working += seconds

    def _refuse_no_number(self, *figures: float) -> None:
        """Before a step ruins the weights: raise `TrainingError` that names the checkpoint that is kept."""
        if all(map(math.isfinite, figures)):
            return
        path = self.recipe.out / "checkpoint.safetensors"
        kept = f"the last good checkpoint, {path}, is kept" if path.is_file() else "no checkpoint was written yet"
        cure = "Lower learning_rate or raise warmup_steps in a new run; --resume goes back to the checkpoint."
        raise TrainingError(f"The loss of step {self.progress.step + 1} is no number: {kept}.", cure)

    def _gradients(self, batch: Sequence[Any]) -> tuple[float, float]:
        """Leave the batch's gradients in the parameters; returns its two losses.

        Each worker takes a part of the batch: on a busy machine threads that meet once a step lose less than threads
        that meet in every matrix product. Where memory runs out the parts get smaller.
        """
        parameters = [value for value in self.network.parameters() if value.requires_grad]

        def one(part: Sequence[Any]) -> tuple[float, float, tuple[torch.Tensor, ...]]:
            with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.precision == "bf16"):  # each thread its own
                first, second = self.losses(part)
            return first.item(), second.item(), torch.autograd.grad(self.total(first, second), parameters)

        while True:
            count = min(self.recipe.workers * self.progress.cuts, len(batch))
            try:
                found = list(self.workers.map(one, [batch[first::count] for first in range(count)]))
                break
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                self._halve(count == len(batch))
        for place, parameter in enumerate(parameters):
            parameter.grad = sum((grads[place] for _, _, grads in found[1:]), found[0][2][place]) / len(found)
        return sum(span for span, _, _ in found) / len(found), sum(judged for _, judged, _ in found) / len(found)

    def _halve(self, alone: bool) -> None:
        """Twice as many passes of half the size. Raises `ModelError` where each row is a pass already."""
        if alone:
            raise ModelError("A pass of one row does not fit the memory.", "Set max_tokens lower.")
        self.progress.cuts *= 2
        self.report(f"out of memory: now {self.progress.cuts} passes to a batch")

    def _share(self) -> float:
        """Share of the full rate for this step: warm-up, flat, then a straight fall that ends with the run."""
        progress, recipe = self.progress, self.recipe
        left = self._steps_left()
        if progress.cooldown_step < 0 and left <= recipe.cooldown * (progress.step + left):
            progress.cooldown_step = progress.step
            self.report(f"step {progress.step}: cooling down over about {left:.0f} steps")
        if progress.cooldown_step >= 0:
            progress.share = max(0.0, progress.share - progress.share / max(1.0, left))
            return progress.share
        return min(1.0, (progress.step + 1) / max(1, recipe.warmup_steps))

    def _steps_left(self) -> float:
        """Steps until the end by count and by clock; a run held past its deadline still cools down in 30."""
        by_count = float(self.recipe.steps - self.progress.step)
        if not self.recipe.minutes or len(self.recent) < 5:
            return by_count
        paces = sorted(seconds for _, _, seconds, _ in self.recent)
        pace = sum(paces[:-1]) / (len(paces) - 1) * 1.05  # without the slowest: the process may have been stopped
        by_clock = (self.progress.began + 60 * self.recipe.minutes - time.time()) / pace
        return min(by_count, max(by_clock, 30 * self.progress.share))

    def _after_step(self) -> None:
        step = self.progress.step
        if step % 25 == 0:
            self._log()
        if step % self.recipe.checkpoint_every == 0:
            self.save()
        if step % self.recipe.evaluate_every == 0 and self.recipe.evaluate_rows:
            self._evaluate()
        if self.run:
            self.run.stop_if_asked(step, self.save)

    def _log(self) -> None:
        span, judged, seconds, tokens = (
            sum(line[part] for line in self.recent) / len(self.recent) for part in range(4)
        )
        self.report(
            f"step {self.progress.step} pass {self.passes:.2f} {self.names[0]} {span:.3f} {self.names[1]} {judged:.3f} "
            f"{seconds:.2f} s a step"
        )
        if self.run:
            loss, left = self.total(span, judged), self._steps_left() * seconds
            figures = dict(zip(self.names, (round(span, 5), round(judged, 5)), strict=True))
            figures |= {"seconds_left": round(left, 1), "tokens_per_second": round(tokens / max(seconds, 1e-9), 1)}
            self.run.log("step", step=self.progress.step, steps=self.recipe.steps, loss=round(loss, 5), **figures)

    def _evaluate(self) -> None:
        found = self.look()
        self.network.train()
        self.report(f"step {self.progress.step} development {json.dumps(found)}")
        with (self.recipe.out / "development.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": self.progress.step, **found}) + "\n")

    def save(self) -> None:
        """Write weights, optimizer and progress; a kill at any moment leaves one whole checkpoint."""
        from safetensors.torch import save_file

        tensors = {f"weight/{name}": value.contiguous() for name, value in self.network.tuned_state().items()}
        for name, parameter in self.network.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"adam/{key}/{name}"] = value.reshape(-1) if key == "step" else value.contiguous()
        path = self.recipe.out / "checkpoint.safetensors"
        save_file(tensors, str(path.with_suffix(".part")), metadata={"progress": json.dumps(vars(self.progress))})
        path.with_suffix(".part").replace(path)

    def resume(self) -> None:
        """Take up the last checkpoint, if there is one; else the weights of the run this one starts from."""
        from safetensors import safe_open

        path = self.recipe.out / "checkpoint.safetensors"
        if not path.is_file():
            return self._start()
        with safe_open(str(path), "pt") as found:
            saved = json.loads(found.metadata()["progress"])
            self.progress = Progress(**{name: saved[name] for name in vars(self.progress) if name in saved})
            names = set(found.keys())
            state = {name[7:]: found.get_tensor(name) for name in names if name.startswith("weight/")}
            self.network.load_state_dict(state, strict=False)
            for name, parameter in self.network.named_parameters():
                if f"adam/step/{name}" in names:
                    self.optimizer.state[parameter] = {
                        "step": found.get_tensor(f"adam/step/{name}").reshape(()),
                        "exp_avg": found.get_tensor(f"adam/exp_avg/{name}"),
                        "exp_avg_sq": found.get_tensor(f"adam/exp_avg_sq/{name}"),
                    }
        self.report(f"continuing at step {self.progress.step}")

    def _start(self) -> None:
        start = self.recipe.start
        if start is None:
            return
        runs = [start] if isinstance(start, Path) else start
        states = [saved_weights(run) for run in runs]
        mean = {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
        self.network.load_state_dict(mean, strict=False)
        self.report(f"beginning with the weights of {self.recipe.start}")

    def record(self) -> dict[str, Any]:
        """What the run did, in numbers."""
        progress = self.progress
        return {
            "steps": progress.step,
            "cooldown_step": progress.cooldown_step,
            "passes": round(self.passes, 3),
            "examples": progress.examples,
            "minutes": round((time.time() - progress.began) / 60, 1),
            "working_minutes": round(progress.working / 60, 1),
            "torch": torch.__version__,
            "python": platform.python_version(),
        }


def saved_weights(start: Path) -> dict[str, torch.Tensor]:
    """The weights of a run's checkpoint, or, in a folder without one, of a reader as it ships."""
    from safetensors.torch import load_file

    checkpoint = start / "checkpoint.safetensors"
    if checkpoint.is_file():
        saved = load_file(str(checkpoint))
        return {name[7:]: value for name, value in saved.items() if name.startswith("weight/")}
    shards = sorted(start.glob("*-[0-9].safetensors"))
    if not shards:
        raise NotFoundError(f"{str(start)!r} holds no weights to start from.", "Name the folder of a finished run.")
    return {name: value.float() for shard in shards for name, value in load_file(str(shard)).items()}


def _freeze(network: ReaderNetwork, layers: int) -> None:
    if layers:
        for part in (network.encoder.embeddings, *network.encoder.encoder.layer[:layers]):
            part.requires_grad_(False)
