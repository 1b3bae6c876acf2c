"""Each way of tuning improves on held-back rows what it should, by more than its noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphs.errors import UsageError
from tests.training.tiny import signals, write_rows
from training.registry import ModelVersion
from training.stages import STAGES, train
from training.stages import _load as load

pytestmark = pytest.mark.usefixtures("one_thread")


def tune(stage: str, tmp_path: Path, base: Path, rows: list[Any], **keys: Any) -> ModelVersion:
    """Train on rows with keys of a recipe; what came of it."""
    data = write_rows(tmp_path / "rows.jsonl", rows)
    usual = {"name": "tuned", "out": tmp_path / "run", "batch": 8, "max_length": 128, "learning_rate": 1e-2}
    usual |= {"evaluate_every": 1000, "checkpoint_every": 1000, "schedule": "constant", "judge_rows": 32}
    kind = load(STAGES[stage].recipe)
    recipe = kind(stage=stage, base=str(base), data=[data], dev_share=0.25, **{**usual, **keys})
    return train(recipe).version


def pairs(number: int) -> list[dict[str, str]]:
    return [{"prompt": asked, "chosen": right, "rejected": wrong} for asked, right, wrong in signals(number)]


def test_sft_raises_f1_and_lowers_the_loss(tmp_path: Path, tiny: Path) -> None:
    rows = [{"prompt": asked, "completion": right} for asked, right, _ in signals(96)]
    version = tune("sft", tmp_path, tiny, rows, steps=60, adapter="none", packing=False, answer_tokens=12)
    figures = version.metrics
    assert version.kind == "chat"
    assert figures["f1_gain_low"] > 20
    assert figures["loss_gain_high"] < 0
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


def test_dpo_raises_the_preferred_margin(tmp_path: Path, tiny: Path) -> None:
    figures = tune("dpo", tmp_path, tiny, pairs(64), steps=25, adapter="lora", rank=8, beta=0.5).metrics
    assert figures["margin_gain_low"] > 0
    assert figures["preferred"] > figures["preferred_before"]


def test_a_reward_model_beats_length(tmp_path: Path, tiny: Path) -> None:
    version = tune("reward", tmp_path, tiny, pairs(96), steps=40, adapter="none")
    assert version.kind == "reward"
    assert version.metrics["lead_low"] > 0


def test_a_classifier_names_what_no_word_tells(tmp_path: Path, encoder: Path) -> None:
    rows = [{"text": asked, "label": right} for asked, right, _ in signals(96)]
    figures = tune("classifier", tmp_path, encoder, rows, steps=40).metrics
    assert figures["accuracy_low"] > 0.8


@pytest.mark.parametrize("stage", ["sft", "dpo", "kto", "reward", "classifier", "embeddings", "reranker"])
def test_a_bad_row_ends_the_run_before_its_base_is_looked_for(stage: str, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [{"unknown": 1}])
    recipe = load(STAGES[stage].recipe)(stage=stage, name="bad", out=tmp_path / "run", base="b", data=[data], batch=2)
    asked: list[str] = []
    with pytest.raises(UsageError, match=r"line 1: these columns fit nothing: unknown"):
        train(recipe, resolve=lambda name: asked.append(name) or tmp_path)  # type: ignore[func-returns-value]
    assert not asked


def test_a_single_label_is_nothing_to_learn(tmp_path: Path, encoder: Path) -> None:
    rows = [{"text": asked, "label": "one"} for asked, _, _ in signals(20)]
    with pytest.raises(UsageError, match="have the label 'one'"):
        tune("classifier", tmp_path, encoder, rows)
