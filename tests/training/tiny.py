"""Models and rows small enough to train in a test."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import traceback
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from graphs.errors import CrossroadsError
from tests.assistant.tiny_models import byte_tokenizer
from training.recipe import Recipe
from training.run import Run, read_events
from training.stages import load_recipe, train

WORDS = {"red": "stop now", "green": "go ahead"}
"""What is asked about, and what is right to answer."""


def tiny_encoder(folder: Path) -> Path:
    """A random BERT over single bytes."""
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    first, last = (tokenizer.token_to_id(token) for token in ("<|user|>", "<|end|>"))
    tokenizer.post_processor = TemplateProcessing(
        single="<|user|> $A <|end|>",
        pair="<|user|> $A <|end|> $B:1 <|end|>:1",
        special_tokens=[("<|user|>", first), ("<|end|>", last)],
    )
    config = BertConfig(
        vocab_size=260,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
        pad_token_id=last,
    )
    BertModel(config).save_pretrained(folder)
    fast: Any = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|end|>", sep_token="<|end|>")
    fast.save_pretrained(folder)
    return folder


def worded_folder(folder: Path, texts: Path) -> Path:
    """A random Llama of one layer whose tokens are the words of texts: it sees at once what bytes hide."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    keys = {"data": [str(texts)], "vocabulary": 1000, "out": str(folder.with_name("tokenizer"))}
    made = train(load_recipe("tokenizer", keys)).folder
    tokenizer: Any = AutoTokenizer.from_pretrained(made)
    shape: Any = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2}
    shape |= {"max_position_embeddings": 512, "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **shape)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_rows(path: Path, rows: Iterable[Any]) -> Path:
    """A JSON Lines file."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def signals(number: int, seed: int = 0) -> list[tuple[str, str, str]]:
    """Questions about a colour, the right answer and the wrong one; no question occurs twice."""
    draw = random.Random(seed)  # noqa: S311
    numbers = draw.sample(range(100, 1000), number)
    found = []
    for index, name in enumerate(numbers):
        colour = ("red", "green")[index % 2]
        other = WORDS["green" if colour == "red" else "red"]
        found.append((f"{colour} {name}", WORDS[colour], other))
    return found


def losses(folder: Path) -> dict[int, float]:
    """Step → loss, as a run's log has it."""
    return {event["step"]: event["loss"] for event in read_events(folder) if event["event"] == "step"}


def forked(work: Callable[[], object]) -> int:
    """Begin work in a process of its own, which is not a new interpreter: that would spend its time importing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process may have threads; the child uses none
        child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def ended(child: int) -> int:
    """How a process of `forked` ended, once it has: 0, 1, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill(recipe: Recipe, step: int = 0, event: str = "step", started: Callable[[Run], object] = lambda _: None) -> None:
    """Train in a process of its own that SIGKILL ends the moment it logs this event, for steps that of a number."""

    def end(told: dict[str, Any]) -> None:
        if told["event"] == event and told.get("step", 0) >= step:
            os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(lambda: train(recipe, listeners=[end], started=started))) == -signal.SIGKILL


def walks_on_after_a_kill(recipe: Recipe, started: Callable[[Run], object] = lambda _: None) -> None:
    """A copy of a finished run of four steps with a checkpoint after the second, killed at the third and continued,
    walks the same curve: the same rows in the same order."""
    cut = recipe.model_copy(update={"out": recipe.folder.with_name("cut")})
    kill(cut, 3, started=started)
    assert list(losses(cut.folder)) == [1, 2, 3]
    train(cut, resume=True, started=started)
    assert any(event.get("text") == "continuing at step 2" for event in read_events(cut.folder))
    whole = losses(recipe.folder)
    assert list(whole) == [1, 2, 3, 4]
    assert losses(cut.folder) == pytest.approx(whole, rel=1e-3, abs=1e-5)


def ends_where_the_loss_is_no_number(
    recipe: Recipe, patch: pytest.MonkeyPatch, started: Callable[[Run], object] = lambda _: None
) -> None:
    """A run of four steps with a checkpoint after the second, whose third loss overflows, ends; its checkpoint is
    named, holds numbers alone, and the run goes on from it."""
    with patch.context() as fault:
        _overflow(fault, 3)
        with pytest.raises(CrossroadsError, match=r"(?s)nan.*step[ -]2"):
            train(recipe, started=started)
    assert [path.name for path in (recipe.folder / "checkpoints").iterdir()] == ["step-2"]
    assert not (recipe.folder / "version.json").exists()
    assert all(map(math.isfinite, _numbers(recipe.folder / "checkpoints" / "step-2")))
    train(recipe, resume=True, started=started)
    found = losses(recipe.folder)
    assert list(found) == [1, 2, 3, 4]
    assert all(map(math.isfinite, found.values()))


def _overflow(patch: pytest.MonkeyPatch, step: int) -> None:
    """Let the loss of one step be no number, in transformers' trainers and in our own loop."""
    from transformers import Trainer

    from training.pretrain.loop import Loop

    trained, passed = Trainer.training_step, Loop._pass

    def spoilt(loss_of: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **named: loss_of(*given, **named) * math.nan

    def in_trainer(self: Any, *given: Any, **named: Any) -> Any:
        plain = self.compute_loss
        self.compute_loss = spoilt(plain) if self.state.global_step == step - 1 else plain
        try:
            return trained(self, *given, **named)
        finally:
            self.compute_loss = plain

    def in_loop(self: Loop, number: int) -> Any:
        plain = self.loss_of
        self.loss_of = spoilt(plain) if self.step == step - 1 else plain
        try:
            return passed(self, number)
        finally:
            self.loss_of = plain

    patch.setattr(Trainer, "training_step", in_trainer)
    patch.setattr(Loop, "_pass", in_loop)


def _numbers(folder: Path) -> Iterable[float]:
    """The sum of each tensor of a checkpoint's weights: no number where one of them is none."""
    from safetensors.torch import load_file

    files = [path for path in folder.rglob("*.safetensors") if path.name != "state.safetensors"]
    assert files
    return [float(tensor.double().sum()) for path in files for tensor in load_file(str(path)).values()]
