"""Distillation closes part of the gap to the teacher, and refuses vocabularies that differ."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from graphs.errors import UsageError
from training.distil.recipe import DistilRecipe
from training.distil.stage import run_distil
from training.pretrain.recipe import PretrainRecipe
from training.pretrain.stage import run_pretrain
from training.run import Run
from training.tokenizer.recipe import TokenizerRecipe
from training.tokenizer.stage import run_tokenizer

NOUNS = "cat dog bird fox horse whale".split()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A corpus, a tokenizer, a teacher that read much of it, and a little text for students."""
    draw = random.Random(5)  # noqa: S311
    folder = tmp_path_factory.mktemp("distil")
    lines = []
    for _ in range(300):
        order = [draw.randrange(6)]
        for _ in range(11):  # which animal follows which has an order that takes reading to learn
            order.append((order[-1] * 2 + 1 + (draw.random() < 0.3)) % 6)
        lines.append({"text": " then the ".join(NOUNS[n] for n in order), "prompt": f"then the {NOUNS[order[0]]}"})
    for name, some in (("much", lines), ("little", lines[:5]), ("dev", lines[-40:])):
        part = lines[:-40] if name == "much" else some
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in part), encoding="utf-8")
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
    shape = {
        **made["common"],
        **held,
        "layers": 1,
        "steps": 250,
        "temperature": 1.0,
        "batch": 4,
        "teacher": made["teacher"],
        **changes,
    }
    recipe = DistilRecipe(name="student", out=out, data=[data], **shape)
    with Run(recipe) as opened:
        return run_distil(recipe, opened).metrics


def test_a_taught_student_closes_part_of_the_gap(made: dict[str, Any], tmp_path: Path) -> None:
    alone = [student(made, tmp_path / f"a{seed}", alpha=0.0, seed=seed) for seed in (1, 2)]
    taught = [student(made, tmp_path / f"t{seed}", alpha=0.9, seed=seed) for seed in (1, 2)]
    teacher = taught[0]["perplexity_teacher"]
    worst, best = max(one["perplexity"] for one in taught), min(one["perplexity"] for one in alone)
    assert teacher < best
    assert best - worst > 0.2 * (best - teacher)  # the worst student with a teacher against the best without


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
