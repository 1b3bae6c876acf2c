"""Pretraining: perplexity falls on held-out text, a killed run walks the same curve, bad data ends before a model."""

from __future__ import annotations

import functools
import json
import math
import os
import random
import socket
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphs.errors import Cancelled, ModelError, NotFoundError, TrainingError, UsageError
from tests.training.tiny import ended, forked, kill
from training.pretrain.loop import Loop
from training.pretrain.objectives import IGNORED, batch_of
from training.pretrain.recipe import PretrainRecipe
from training.pretrain.schedule import share
from training.pretrain.stage import run_pretrain
from training.run import Run
from training.stages import train
from training.tokenizer.recipe import TokenizerRecipe
from training.tokenizer.stage import run_tokenizer

WORDS = "the a old young red blue cat dog bird sees likes follows house tree river and then again".split()
ARCHITECTURES = ("gpt", "llama", "bert", "t5")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences with much order in them."""
    draw = random.Random(1)  # noqa: S311
    path = tmp_path_factory.mktemp("corpus") / "rows.jsonl"
    with path.open("w", encoding="utf-8") as lines:
        for _ in range(400):
            nouns = [draw.choice(WORDS[6:9]) for _ in range(6)]
            text = " and then ".join(f"the {draw.choice(WORDS[2:6])} {noun} sees the river" for noun in nouns)
            lines.write(json.dumps({"text": text}) + "\n")
    return path


@pytest.fixture(scope="module")
def tokenizers(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for kind in ("bpe", "wordpiece"):
        folder = tmp_path_factory.mktemp(kind)
        recipe = TokenizerRecipe(
            name="t",
            out=folder,
            data=[str(corpus)],
            kind=kind,
            vocabulary=340,
            sentinels=20,  # type: ignore[arg-type]
        )
        with Run(recipe) as run:
            run_tokenizer(recipe, run)
        found[kind] = folder / "model"
    return found


@pytest.fixture
def tiny(corpus: Path, tokenizers: dict[str, Path], tmp_path: Path) -> dict[str, Any]:
    return {
        "name": "tiny",
        "out": tmp_path / "run",
        "data": [str(corpus)],
        "held_out": 0.1,
        "tokenizer": str(tokenizers["bpe"]),
        "architecture": "llama",
        "hidden": 32,
        "layers": 2,
        "heads": 2,
        "context": 32,
        "steps": 12,
        "batch": 8,
        "learning_rate": 1e-2,
        "warmup_steps": 3,
        "log_every": 1,
        "evaluate_every": 100,
        "evaluate_blocks": 16,
        "checkpoint_every": 4,
        "sample_tokens": 4,
    }


def losses(run: Run) -> dict[int, float]:
    return {event["step"]: event["loss"] for event in run.events("step")}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_perplexity_falls_on_held_out_text(
    architecture: str, tiny: dict[str, Any], tokenizers: dict[str, Path]
) -> None:
    kind = "wordpiece" if architecture == "bert" else "bpe"
    changes = {"architecture": architecture, "tokenizer": str(tokenizers[kind]), "steps": 40, "dropout": 0.0}
    recipe = PretrainRecipe(**{**tiny, **changes, "prompts": ["the red cat sees the river"]})
    with Run(recipe) as run:
        version = run_pretrain(recipe, run)
    metrics = version.metrics
    assert metrics["perplexity"] < 0.4 * metrics["perplexity_before"]
    assert version.kind == {"bert": "encoder", "t5": "seq2seq"}.get(architecture, "chat")
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in run.model.iterdir()}
    assert all(event["text"].startswith("the red cat") for event in run.events("sample"))
    assert all(event["steps"] == 40 and event["seconds_left"] >= 0 for event in run.events("step"))


def test_it_says_what_it_will_take_and_refuses_what_cannot_fit(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = PretrainRecipe(**{**tiny, "steps": 2, "accumulate": 2})
    with Run(recipe) as run:
        run_pretrain(recipe, run)
    said = run.events("estimate")[0]
    assert said["steps"] == 2
    assert min(said["seconds"], said["disk"], said["memory"]) > 0
    least = 8 * sum(value.numel() for value in _weights(run.model).values())  # AdamW's moments fit, a batch does not
    monkeypatch.setattr("training.probe.free_memory", lambda: int(least / 0.9) + 1)
    monkeypatch.setattr("training.pretrain.model.refuse_new", lambda _: None)
    monkeypatch.setattr(Loop, "_one_step", lambda _: pytest.fail("a step was made"))
    again = recipe.model_copy(update={"out": tiny["out"] / "again"})
    with pytest.raises(ModelError, match=r"GiB of memory") as refused, Run(again) as run:
        run_pretrain(again, run)
    assert "context" in refused.value.cure or "accumulate=" in refused.value.cure


def test_a_model_that_cannot_fit_is_not_built(tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.probe.free_memory", lambda: 2**20)
    recipe = PretrainRecipe(**{**tiny, "hidden": 1024})
    with pytest.raises(ModelError, match=r"million weights need") as refused, Run(recipe) as run:
        run_pretrain(recipe, run)
    assert "Lower hidden or layers" in refused.value.cure


def test_patience_ends_a_run_and_keeps_the_best_weights(tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = PretrainRecipe(**{**tiny, "evaluate_every": 1, "patience": 2, "sample_tokens": 0, "learning_rate": 0.9})
    with Run(recipe) as run:
        metrics = run_pretrain(recipe, run).metrics
    held = [event["perplexity"] for event in run.events("evaluation")]
    assert len(run.events("step")) < recipe.steps
    assert metrics["perplexity"] == pytest.approx(min(held))


def _weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(str(folder / "model.safetensors"))


def test_a_run_killed_and_continued_walks_the_curve_of_an_undisturbed_one(tiny: dict[str, Any]) -> None:
    whole = PretrainRecipe(**{**tiny, "out": tiny["out"] / "whole", "dropout": 0.1, "steps": 9})
    with Run(whole) as undisturbed:
        run_pretrain(whole, undisturbed)
    killed = whole.model_copy(update={"out": tiny["out"] / "killed"})
    kill(killed, 7)
    with Run(killed, resume=True) as run:
        run_pretrain(killed, run)
        found, wanted = losses(run), losses(undisturbed)
        assert found.keys() == wanted.keys()
        assert [found[step] for step in wanted] == pytest.approx(list(wanted.values()), rel=1e-4)
        assert "continuing at step 4" in {event.get("text") for event in run.events("note")}


def test_a_stopped_run_keeps_its_step(tiny: dict[str, Any]) -> None:
    recipe = PretrainRecipe(**tiny)

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 3:
            run.stop.set()

    with Run(recipe, listeners=[stop]) as run, pytest.raises(Cancelled):
        run_pretrain(recipe, run)
    assert run.kept_checkpoint().endswith("step-3")


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = PretrainRecipe(**tiny)
    gradients, calls = Loop._gradients, 0

    def broken(self: Loop) -> float:
        nonlocal calls
        calls += 1
        return math.nan if calls == 6 else gradients(self)

    monkeypatch.setattr(Loop, "_gradients", broken)
    with Run(recipe) as run, pytest.raises(TrainingError, match=r"nan at step 6.*step-4"):
        run_pretrain(recipe, run)
    assert (run.checkpoints / "step-4" / "model.safetensors").is_file()


def test_a_gradient_that_is_no_number_is_not_stepped_on(tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = PretrainRecipe(**tiny)
    gradients = Loop._gradients

    def broken(self: Loop) -> float:
        loss = gradients(self)
        if self.step == 5:
            next(self.bare.parameters()).grad.fill_(math.nan)
        return loss

    monkeypatch.setattr(Loop, "_gradients", broken)
    with Run(recipe) as run, pytest.raises(TrainingError, match=r"gradient's norm is nan at step 6.*step-4"):
        run_pretrain(recipe, run)


def no_memory_of_a_gpu() -> BaseException:
    """What torch says of a GPU."""
    import torch

    return torch.OutOfMemoryError("CUDA out of memory")


def no_memory_of_a_processor() -> BaseException:
    """What torch says of main memory."""
    return RuntimeError("[enforce fail at alloc_cpu.cpp:116] DefaultCPUAllocator: can't allocate memory")


@pytest.mark.parametrize("error", [no_memory_of_a_gpu, no_memory_of_a_processor])
def test_memory_that_runs_out_halves_the_pass(
    error: Callable[[], BaseException], tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = PretrainRecipe(**{**tiny, "steps": 2, "checkpoint_every": 1})
    gradients = Loop._gradients

    def tight(self: Loop) -> float:
        if self.micro > 4:
            raise error()
        return gradients(self)

    monkeypatch.setattr(Loop, "_gradients", tight)
    with Run(recipe) as run:
        run_pretrain(recipe, run)
    assert any("2 passes of 4 blocks" in event["text"] for event in run.events("note"))
    assert len(run.events("step")) == 2


def test_two_processes_on_a_processor_train_together(tiny: dict[str, Any]) -> None:
    """As the workers of `accelerate launch` do, by the variables it gives them."""
    recipe = PretrainRecipe(**{**tiny, "steps": 3, "sample_tokens": 0})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def worker(rank: int) -> None:
        from accelerate.state import AcceleratorState, PartialState

        warnings.simplefilter("ignore", FutureWarning)  # accelerate knows torch's argument by an old name only
        AcceleratorState._reset_state(reset_partial_state=True)
        PartialState._reset_state()
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "ACCELERATE_USE_CPU": "true"}
        where["OMP_NUM_THREADS"] = "1"  # which accelerate asks for
        os.environ.update(where, RANK=str(rank), LOCAL_RANK=str(rank))
        train(recipe)

    workers = [forked(functools.partial(worker, rank)) for rank in range(2)]
    assert [ended(child) for child in workers] == [0, 0]
    version = json.loads((recipe.out / "version.json").read_text(encoding="utf-8"))
    assert version["metrics"]["tokens"] == 3 * 2 * recipe.batch * recipe.context
    assert version["metrics"]["perplexity"] < version["metrics"]["perplexity_before"]
    steps = [json.loads(line) for line in (recipe.out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [event["step"] for event in steps if event["event"] == "step"] == [1, 2, 3]


BAD = {
    "no text": ({}, '{"text": ""}\n', "no text"),
    "too little": (
        {},
        '{"text": "the cat"}\n' + "".join(f'{{"text": "a dog {n}"}}\n' for n in range(40)),
        "too few for 8 blocks",
    ),
    "wrong column": ({}, '{"body": "the cat"}\n', r"row 1 has no column 'text'"),
    "broken UTF-8": ({}, b'{"text": "fine"}\n{"text": "\xff"}\n', r"row 2 is not UTF-8"),
    "no mask": ({"architecture": "bert"}, '{"text": "the cat"}\n', "no mask token"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_ends_before_a_model_is_built(
    case: str, tiny: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, content, said = BAD[case]
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    monkeypatch.setattr("training.pretrain.model.new_model", lambda *_: pytest.fail("a model was built"))
    recipe = PretrainRecipe(**{**tiny, **changes, "data": [str(path)]})
    with pytest.raises(UsageError, match=said), Run(recipe) as run:
        run_pretrain(recipe, run)


def test_held_out_text_that_is_trained_on_is_refused(tiny: dict[str, Any], corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text(corpus.read_text(encoding="utf-8").splitlines()[4], encoding="utf-8")
    recipe = PretrainRecipe(**{**tiny, "dev": [str(tmp_path / "dev.jsonl")]})
    with pytest.raises(UsageError, match=r"row 5 stands in the held-out files"), Run(recipe) as run:
        run_pretrain(recipe, run)


def test_a_folder_without_a_tokenizer_is_refused(tiny: dict[str, Any], tmp_path: Path) -> None:
    recipe = PretrainRecipe(**{**tiny, "tokenizer": str(tmp_path)})
    with pytest.raises(NotFoundError, match=r"no tokenizer\.json"), Run(recipe) as run:
        run_pretrain(recipe, run)


def test_the_rate_warms_up_and_falls() -> None:
    shape = {"name": "r", "data": ["x"], "tokenizer": "t", "steps": 100, "warmup_steps": 10, "decay": 0.2}
    cosine, wsd = PretrainRecipe(**shape), PretrainRecipe(**shape, schedule="wsd")
    assert [share(step, cosine) for step in (0, 9, 10)] == pytest.approx([0.1, 1.0, 1.0])
    assert share(99, cosine) == pytest.approx(0.1, abs=0.01)
    assert [share(step, wsd) for step in (50, 80, 90, 99)] == pytest.approx([1.0, 1.0, 0.5, 0.05])


def test_t5_spans_put_together_give_the_block_back(tokenizers: dict[str, Path]) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizers["bpe"])
    recipe = PretrainRecipe(name="r", data=["x"], tokenizer="t", architecture="t5", context=40)
    block = np.arange(100, 140)[None]
    batch = batch_of(block, recipe, tokenizer, 3)
    extra = {tokenizer.convert_tokens_to_ids(f"<extra_id_{number}>") for number in range(20)}
    spans: dict[int, list[int]] = {}
    for token in batch["labels"][0, :-1].tolist():
        spans = {**spans, token: []} if token in extra else spans
        if token not in extra:
            spans[list(spans)[-1]].append(token)
    whole = [piece for token in batch["input_ids"][0].tolist() for piece in spans.get(token, [token])]
    assert whole == block[0].tolist()
    assert sum(map(len, spans.values())) == 6


def test_bert_hides_about_its_share_and_asks_only_there(tokenizers: dict[str, Path]) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizers["wordpiece"])
    recipe = PretrainRecipe(name="r", data=["x"], tokenizer="t", architecture="bert")
    blocks = np.random.default_rng(0).integers(60, 300, (50, 100))
    batch = batch_of(blocks, recipe, tokenizer, 3)
    asked = batch["labels"] != IGNORED
    assert 0.13 < asked.mean() < 0.17
    assert (batch["input_ids"] == blocks)[~asked].all()
    assert 0.75 < (batch["input_ids"][asked] == tokenizer.mask_token_id).mean() < 0.85


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="not a multiple"):
        PretrainRecipe(name="r", data=["x"], tokenizer="t", hidden=50, heads=3)
