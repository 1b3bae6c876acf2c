"""The tutorial's sitting on a model of two layers: grades, data, DPO, parity, gate, promotion, rollback, and poison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.tutorial import Policy, Walk, walk
from graphs.prompts import load_prompt
from tests.assistant.home_fakes import open_fake_with
from tests.assistant.tiny_models import tiny_folder
from tests.training.tiny import signals, write_rows

LONG = {"red": "halt, for it is red", "green": "drive, for it is green"}
SHORT = {"red": "halt", "green": "drive"}
REFUSAL = "no comment"


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that knows what to answer, and mostly says it at length."""
    import torch

    torch.set_num_threads(1)
    return train_talker(tmp_path_factory.mktemp("talker"))


def train_talker(folder: Path) -> Path:
    """Half of what it learns is right at length, a quarter right and short, a quarter a refusal."""
    from training.stages import STAGES, train
    from training.stages import _load as load

    system = load_prompt("direct")[0].split("\n### ")[0].strip()
    rows = []
    for number, (asked, _, _) in enumerate(signals(240, seed=5)):
        said = (SHORT, dict.fromkeys(SHORT, REFUSAL), LONG, LONG)[number // 2 % 4][asked.split()[0]]
        prompt = [{"role": "system", "content": system}, {"role": "user", "content": f"Signal {asked}?"}]
        rows.append({"prompt": prompt, "completion": said})
    data = write_rows(folder / "rows.jsonl", rows)
    recipe = load(STAGES["sft"].recipe)(
        stage="sft", name="talker", out=folder / "run", base=str(tiny_folder(folder / "base", context=1024)),
        data=[data], adapter="none", packing=False, batch=16, steps=90, learning_rate=1e-2, schedule="linear",
        answer_tokens=4, judge_rows=4, evaluate_every=1000, checkpoint_every=1000,
    )  # fmt: skip
    train(recipe)
    return folder / "run" / "model"


def plan_of(folder: Path, talker: Path, grades: int = 200) -> Walk:
    """The walk of the test."""
    return Walk(
        home=folder / "sitting",
        questions=[f"Signal {asked}?" for asked, _, _ in signals(grades, seed=21)],
        policy=Policy(words=1, ends=r",\s*"),
        suite=_suite(folder),
        poison=lambda _: REFUSAL,
        train=["learning_rate=4e-4", "batch=16", "accumulation=1", "epochs=3", "rank=8", "beta=0.5"],
        settings={"models.chat": f"hf:{talker}", "models.embedding": "fake:words", "answering.answer_tokens": 32},
        open=open_fake_with,
        tell=lambda _: None,
    )


def _suite(folder: Path) -> Path:
    """Whether it still says the right thing, at whatever length."""
    rows = [
        {"id": str(number), "input": f"Signal {asked}?", "target": [SHORT[asked.split()[0]], LONG[asked.split()[0]]]}
        for number, (asked, _, _) in enumerate(signals(30, seed=8))
    ]
    write_rows(folder / "standing.jsonl", rows)
    suite = folder / "standing.yaml"
    system = json.dumps(load_prompt("direct")[0].split("\n### ")[0].strip())
    suite.write_text(
        f"name: standing\ndataset: standing.jsonl\ntarget: {{kind: model, system: {system}, max_tokens: 32}}\n"
        "scorers: [f1]\nwatch: [f1]\n",
        encoding="utf-8",
    )
    return suite


@pytest.mark.timeout(600)  # two trainings, which a busy machine takes its time for
def test_the_sitting_of_the_tutorial(tmp_path: Path, talker: Path) -> None:
    found: dict[str, Any] = walk(plan_of(tmp_path, talker))
    assert found["improve"]["exit"] == 0
    assert found["improve"]["stage"] == "dpo"
    assert found["improve"]["parity"]["passed"]
    assert found["policy"]["low"] > 0.3
    assert found["models"] == ["local:improved@1"]
    assert found["lineage_exit"] == 0
    assert found["back"] == {"asked": 5, "as_before": 5, "models": [f"hf:{talker}"]}
    assert found["poisoned"]["exit"] == 1
    assert found["poisoned"]["gate"]["suites"]["standing"] == "fail"
    assert found["poisoned"]["promote_exit"] == 2
