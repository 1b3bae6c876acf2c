"""How long a run will take here, and how much memory and disk: said before it starts, refused where it cannot fit."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from graphs.errors import ModelError

_GIB = 2**30
_SPARE = 0.9
"""Share of what is free that a run may plan with."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take. Sizes in bytes."""

    steps: int
    seconds: float
    memory: int
    memory_free: int
    disk: int
    disk_free: int
    tokens_per_second: float = 0.0

    @property
    def words(self) -> str:
        """For a person."""
        took = f"about {_time(self.seconds)} for {self.steps} steps"
        memory = f"{self.memory / _GIB:.1f} GiB of memory ({self.memory_free / _GIB:.1f} free)"
        return f"{took}, {memory}, {self.disk / _GIB:.2f} GiB of disk ({self.disk_free / _GIB:.0f} free)"

    def as_json(self) -> dict[str, Any]:
        """For the log and `--json`."""
        return asdict(self)


def weight_count(folder: Path) -> int:
    """How many numbers the safetensors of a model hold, read from their headers alone; 0 where there are none."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for name, tensor in header.items():
            if name != "__metadata__":
                count = 1
                for size in tensor["shape"]:
                    count *= size
                total += count
    return total


def plan_memory(weights: int, trainable: int, bytes_each: int = 4) -> int:
    """Bytes a model takes in training before any row: its weights, and gradient and two moments of what is trained."""
    return weights * bytes_each + trainable * 12


def free_memory() -> int:
    """Bytes that can be had on the device that trains."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)


def refuse_new(weights: int) -> None:
    """Before a model of so many new weights is built: raise `ModelError` where training it cannot fit."""
    needed, free = plan_memory(weights, weights), free_memory()
    if needed > _SPARE * free:
        said = (
            f"{weights / 1e6:.0f} million weights need {needed / _GIB:.1f} GiB to train; {free / _GIB:.1f} GiB are free"
        )
        share = (_SPARE * free / needed) ** 0.5
        raise ModelError(
            f"{said}.", f"Lower hidden or layers: hidden at {share:.0%} of what it is fits, or fewer layers."
        )


def refuse_weights(folder: Path, *, whole: bool, bytes_each: int = 4, adapters: bool = True) -> None:
    """Before anything is loaded: raise `ModelError` where the weights alone cannot fit.

    `adapters` says whether the stage has the key `adapter`.
    """
    weights = weight_count(folder)
    needed, free = plan_memory(weights, weights if whole else 0, bytes_each), free_memory()
    if needed <= _SPARE * free:
        return
    if not adapters:
        cure = "Start from a smaller model, or take the stage sft with adapter=lora."
    elif whole and plan_memory(weights, 0, bytes_each) <= _SPARE * free:
        cure = "--set adapter=lora fits: only the adapter is trained."
    elif bytes_each > 2 and plan_memory(weights, 0, 2) <= _SPARE * free:
        cure = "--set adapter=lora --set precision=bf16 fits."
    else:
        cure = "Start from a smaller model."
    said = f"{weights / 1e6:.0f} million weights need {needed / _GIB:.1f} GiB to train; {free / _GIB:.1f} GiB are free"
    raise ModelError(f"{said}.", cure)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: torch has a class of its own for a GPU's memory alone."""
    import torch

    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or any(s in str(error).lower() for s in ("out of memory", "can't allocate memory"))


class MemoryWatch:
    """The most memory this process took while it was watched, in bytes: of the GPU where one trains."""

    def __enter__(self) -> MemoryWatch:
        import torch

        self._cuda = torch.cuda.is_available()
        self._process, self._ends = psutil.Process(), threading.Event()
        self.before = self._now()
        self.peak = self.before
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.set()
        self._thread.join()
        if self._cuda:
            import torch

            self.peak = int(torch.cuda.max_memory_allocated())

    def _now(self) -> int:
        return int(self._process.memory_info().rss)

    def _watch(self) -> None:
        while not self._ends.wait(0.01):
            self.peak = max(self.peak, self._now())


def probe(trainer: Any, folder: Path, batches: int = 2, done: int = 0) -> Estimate:
    """Time and memory of a few real passes, scaled to the steps that are left; the weights stay as they are.

    `trainer` is transformers' own, ready to train; `folder` is where its checkpoints will lie; `done` steps were made.
    """
    seconds, watch, tokens = _passes(trainer, batches)
    adapter = hasattr(trainer.model, "peft_config")
    left, speed = max(0, _steps(trainer) - done), tokens / max(seconds, 1e-9)
    return scaled(trainer.model, folder, left, seconds, watch, speed, adapter=adapter)


def scaled(
    model: Any, folder: Path, steps: int, seconds: float, watch: MemoryWatch, speed: float, *, adapter: bool = False
) -> Estimate:
    """What a run will take: so many steps of so many seconds, the memory a pass took, and the files it will leave."""
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    saved = trainable if adapter else sum(p.numel() for p in model.parameters())
    moments = 8 * trainable
    folder.mkdir(parents=True, exist_ok=True)
    return Estimate(
        steps=steps,
        seconds=seconds * steps,
        memory=max(0, watch.peak - watch.before) + moments,
        memory_free=free_memory(),
        disk=3 * (4 * saved + moments) + 4 * saved,  # two checkpoints, one being written, and the model
        disk_free=shutil.disk_usage(folder).free,
        tokens_per_second=round(speed, 1),
    )


def refuse(
    estimate: Estimate,
    batch: int,
    accumulation: int,
    *,
    key: str = "accumulation",
    less: str = "max_length lower, gradient_checkpointing=true or adapter=lora",
) -> None:
    """Raise `ModelError` with the nearest setting that fits, where a run does not.

    `key` is the recipe's for accumulation; `less` are the settings that help where no batch fits.
    """
    if estimate.disk > estimate.disk_free:
        said = f"The run needs {estimate.disk / _GIB:.1f} GiB of disk; {estimate.disk_free / _GIB:.1f} are free"
        raise ModelError(f"{said}.", "--set out=FOLDER on a larger disk, or train a smaller model.")
    free = int(_SPARE * estimate.memory_free)
    if estimate.memory <= free:
        return
    fits, more = batch, accumulation
    while fits > 1 and estimate.memory * fits / batch > free:
        fits, more = fits // 2, more * 2
    said = f"The run needs {estimate.memory / _GIB:.1f} GiB of memory; {estimate.memory_free / _GIB:.1f} are free"
    nearest = f"--set batch={fits} --set {key}={more} is the nearest that fits."
    raise ModelError(f"{said}.", nearest if estimate.memory * fits / batch <= free and fits < batch else f"Set {less}.")


def _passes(trainer: Any, batches: int) -> tuple[float, MemoryWatch, int]:
    """Seconds of one step, what memory its passes forward and back took, and how many tokens it sees."""
    import torch

    state = torch.get_rng_state()
    model = trainer.model
    model.train()
    model.to(trainer.args.device)
    trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps  # as its own loop does
    writes = hasattr(
        trainer, "_buffered_inputs"
    )  # the answers of a whole step, which GRPO, RLOO and distillation write
    passes = int(trainer.args.gradient_accumulation_steps)
    durations, tokens = [], 0
    loader = iter(trainer.get_train_dataloader())
    with MemoryWatch() as watch:
        for _ in range(batches):
            inputs = next(loader, None)
            if inputs is None:
                break
            began = time.perf_counter()
            inputs = trainer._prepare_inputs(inputs)
            prepared = time.perf_counter()
            with trainer.compute_loss_context_manager():
                loss = trainer.compute_loss(model, inputs)
            loss.backward()
            before, within = prepared - began, time.perf_counter() - prepared
            durations.append(before + passes * within if writes else passes * (before + within))
            tokens = passes * _tokens(inputs) or tokens
    model.zero_grad(set_to_none=True)
    if writes:
        trainer._buffered_inputs = None  # answers written for the probe
    torch.set_rng_state(state)
    return min(durations, default=0.0), watch, tokens


def _tokens(inputs: Any) -> int:
    """Tokens of one pass, where the trainer's batches name them."""
    named = [inputs[name] for name in ("input_ids", "prompt_ids", "completion_ids") if name in inputs]
    return sum(int(ids.numel()) for ids in named)


def _steps(trainer: Any) -> int:
    if trainer.args.max_steps > 0:
        return int(trainer.args.max_steps)
    batches = len(trainer.get_train_dataloader())
    return max(1, int(trainer.args.num_train_epochs * batches / trainer.args.gradient_accumulation_steps))


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
