"""Distillation closes part of the gap to the teacher, and refuses vocabularies that differ."""

from __future__ import annotations

import math
import random
import statistics
from pathlib import Path
from typing import Any

import pytest

from graphs.errors import UsageError
from tests.training.tiny import write_rows
from training.data.rows import rows_of
from training.distil.recipe import DistilRecipe
from training.distil.stage import run_distil
from training.pretrain.recipe import PretrainRecipe
from training.pretrain.stage import run_pretrain
from training.run import Run
from training.tokenizer.recipe import TokenizerRecipe
from training.tokenizer.stage import run_tokenizer

NOUNS = (
    "cat dog bird fox horse whale ant bee cow deer eel frog goat hare ibis jay kite lark mole newt owl pig rat seal"
).split()
FOLLOWS = {1: 0.4, 7: 0.3, 11: 0.2, 18: 0.1}
"""How far the next noun is from five times the last one, and how often: more is chance than a little text can tell."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A corpus, a tokenizer, a teacher that read much of it, and a little text for students."""
    draw = random.Random(5)  # noqa: S311
    folder = tmp_path_factory.mktemp("distil")
    lines = []
    for _ in range(300):
        order = [draw.randrange(len(NOUNS))]
        for step in draw.choices(list(FOLLOWS), list(FOLLOWS.values()), k=29):
            order.append((order[-1] * 5 + step) % len(NOUNS))
        lines.append({"text": " ".join(NOUNS[n] for n in order), "prompt": NOUNS[order[0]]})
    for name, some in (("much", lines[:-40]), ("little", lines[:5]), ("dev", lines[-40:])):
        write_rows(folder / f"{name}.jsonl", some)
    recipe = TokenizerRecipe(name="t", out=folder / "t", data=[str(folder / "much.jsonl")], vocabulary=320)
    with Run(recipe) as opened:
        run_tokenizer(recipe, opened)
    common = {
        "dev": [],
        "held_out": 0.2,
        "tokenizer": str(folder / "t" / "model"),
        "hidden": 32,
        "heads": 2,
        "context": 32,
        "batch": 8,
        "learning_rate": 1e-2,
        "warmup_steps": 3,
        "log_every": 1,
        "evaluate_every": 1000,
        "checkpoint_every": 1000,
        "sample_tokens": 0,
    }
    teacher = PretrainRecipe(
        name="teacher", out=folder / "teacher", data=[str(folder / "much.jsonl")], layers=2, steps=120, **common
    )
    with Run(teacher) as opened:
        run_pretrain(teacher, opened)
    return {"folder": folder, "common": common, "teacher": str(folder / "teacher" / "model")}


def student(made: dict[str, Any], out: Path, **changes: Any) -> dict[str, float]:
    data = str(made["folder"] / "little.jsonl")
    held = {"dev": [str(made["folder"] / "dev.jsonl")]}
    shape = {**made["common"], **held, "layers": 1, "steps": 60, "temperature": 1.0, "batch": 4}
    recipe = DistilRecipe(name="student", out=out, **{"data": [data], **shape, "teacher": made["teacher"], **changes})
    with Run(recipe) as opened:
        return run_distil(recipe, opened).metrics


def test_taught_students_close_part_of_the_gap(made: dict[str, Any], tmp_path: Path) -> None:
    """Five pairs of students, each pair with little text and a beginning of its own: where text is scarce, what a
    teacher thinks likely says more than what happens to follow."""
    closed = []
    lines = (made["folder"] / "much.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    for seed in range(5):
        text = tmp_path / f"little-{seed}.jsonl"
        text.write_text("".join(lines[8 * seed : 8 * seed + 8]), encoding="utf-8")
        alone, taught = (
            student(made, tmp_path / f"{seed}-{alpha}", alpha=alpha, seed=seed, data=[str(text)])
            for alpha in (0.0, 0.9)
        )
        losses = [math.log(one["perplexity"]) for one in (alone, taught)]
        teacher = math.log(taught["perplexity_teacher"])
        closed.append((losses[0] - losses[1]) / (losses[0] - teacher))
    low = statistics.mean(closed) - 2.78 * statistics.stdev(closed) / len(closed) ** 0.5  # 95 %, Student's t, 4 degrees
    assert low > 0, closed


def test_another_vocabulary_is_refused_before_a_model_is_loaded(
    made: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = TokenizerRecipe(
        name="o", out=tmp_path / "o", data=[str(made["folder"] / "much.jsonl")], vocabulary=320, sentinels=1
    )
    with Run(recipe) as opened:
        run_tokenizer(recipe, opened)
    monkeypatch.setattr("training.distil.stage.load_teacher", lambda *_: pytest.fail("a model was loaded"))
    with pytest.raises(UsageError, match=r"teacher's vocabulary.*data generate"):
        student(made, tmp_path / "run", tokenizer=str(tmp_path / "o" / "model"))


def test_too_few_prompts_are_refused(made: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="5 prompts, fewer than a batch of 64"):
        student(made, tmp_path / "run", method="on_policy", text="prompt", batch=64)


def apart(made: dict[str, Any], folder: Path) -> list[float]:
    """How far a student's chances are from the teacher's on each held-out text (KL, nats a token)."""
    import torch
    from torch.nn.functional import kl_div
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(made["teacher"])
    models: list[Any] = [AutoModelForCausalLM.from_pretrained(path).eval() for path in (made["teacher"], folder)]
    found = []
    for row in rows_of([made["folder"] / "dev.jsonl"]):
        ids = torch.tensor([tokenizer(row.values["text"]).input_ids[:32]])
        with torch.no_grad():
            theirs, ours = (model(input_ids=ids).logits[0].log_softmax(-1) for model in models)
        found.append(float(kl_div(ours, theirs, log_target=True, reduction="batchmean")))
    return found


def test_on_policy_a_student_that_can_write_comes_nearer_to_its_teacher(made: dict[str, Any], tmp_path: Path) -> None:
    student(made, tmp_path / "alone", alpha=0.0)
    places = {"base": str(tmp_path / "alone" / "model"), "data": [str(made["folder"] / "much.jsonl")], "text": "prompt"}
    steps = {"steps": 30, "answer_tokens": 16, "learning_rate": 3e-3, "batch": 8, "method": "on_policy"}
    shape = {**made["common"], "layers": 1, "teacher": made["teacher"], **places, **steps}
    recipe = DistilRecipe(name="taught", out=tmp_path / "taught", **shape)
    with Run(recipe) as opened:
        run_distil(recipe, opened)
    before, after = (apart(made, tmp_path / name / "model") for name in ("alone", "taught"))
    closer = [one - other for one, other in zip(before, after, strict=True)]
    bound = 2.02 * statistics.stdev(closer) / len(closer) ** 0.5  # 95 %, Student's t, 39 degrees
    low = statistics.mean(closer) - bound
    assert low > 0.1 * statistics.mean(before)
