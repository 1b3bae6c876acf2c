"""Each way of tuning improves on held-back rows what it should, by more than its noise."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from graphs.errors import UsageError
from tests.training.tiny import signals, worded_folder, write_rows
from training.registry import ModelVersion
from training.stages import STAGES, train
from training.stages import _load as load

pytestmark = pytest.mark.usefixtures("one_thread")
Row = dict[str, Any]
ELSEWHERE = {"reader", "router", "tokenizer", "pretrain", "distil", "grounding", "grounding-encoder"}
"""Stages that read other data than rows, tested where they are."""


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


def test_the_supervised_loss_beside_dpo_keeps_the_better_answer_likely(tmp_path: Path, tiny: Path) -> None:
    keys: dict[str, Any] = {"steps": 15, "adapter": "lora", "rank": 8, "learning_rate": 2e-2}
    for name in ("alone", "beside"):
        (tmp_path / name).mkdir()
    alone = tune("dpo", tmp_path / "alone", tiny, pairs(64), **keys).metrics
    beside = tune("dpo", tmp_path / "beside", tiny, pairs(64), **keys, sft_weight=1.0).metrics
    assert alone["chosen_gain"] < beside["chosen_gain_low"]
    assert beside["margin_gain_low"] > 0


def test_the_supervised_loss_is_for_dpo(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sft_weight is for DPO, not for orpo"):
        load(STAGES["orpo"].recipe)(stage="orpo", name="x", out=tmp_path, base="b", data=["d"], sft_weight=0.5)


def test_a_reward_model_beats_length(tmp_path: Path, tiny: Path) -> None:
    version = tune("reward", tmp_path, tiny, pairs(96), steps=40, adapter="none")
    assert version.kind == "reward"
    assert version.metrics["lead_low"] > 0


def test_a_reward_model_beats_length_on_what_people_preferred(tmp_path: Path, data_folder: Path) -> None:
    with gzip.open(data_folder / "preference_judge.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["split"] == "train"]
    random.Random(0).shuffle(rows)  # noqa: S311 - a sample
    kept = [{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows[:900]]
    texts = [{"text": row[name]} for row in kept for name in ("chosen", "rejected")]
    base = worded_folder(tmp_path / "base", write_rows(tmp_path / "texts.jsonl", texts))
    keys: dict[str, Any] = {
        "steps": 80,
        "batch": 16,
        "adapter": "none",
        "max_length": 256,
        "judge_rows": 220,
        "learning_rate": 3e-3,
    }
    figures = tune("reward", tmp_path, base, kept, **keys, too_long="drop").metrics
    assert figures["judged"] > 200
    assert figures["lead_low"] > 0.05


def test_a_classifier_names_what_no_word_tells(tmp_path: Path, encoder: Path) -> None:
    rows = [{"text": asked, "label": right} for asked, right, _ in signals(96)]
    figures = tune("classifier", tmp_path, encoder, rows, steps=40).metrics
    assert figures["accuracy_low"] > 0.8


@pytest.mark.parametrize("stage", sorted({*STAGES} - ELSEWHERE))
def test_a_bad_row_ends_the_run_before_its_base_is_looked_for(stage: str, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [{"unknown": 1}])
    keys: dict[str, Any] = {"rewards": ["json"], "generations": 2} if stage in {"grpo", "rloo"} else {}
    kind = load(STAGES[stage].recipe)
    recipe = kind(stage=stage, name="bad", out=tmp_path / "run", base="b", data=[data], batch=2, **keys)
    asked: list[str] = []
    with pytest.raises(UsageError, match=r"line 1: these columns fit nothing: unknown"):
        train(recipe, resolve=lambda name: asked.append(name) or tmp_path)  # type: ignore[func-returns-value]
    assert not asked


ROW = {"prompt": "Why is it red?", "completion": "It was painted."}
BAD: dict[str, tuple[list[Row], list[Row], str, str]] = {
    "empty": ([], [], "has no rows", "one JSON object a line"),
    "wrong columns": ([ROW, {"ask": "x"}], [], r"line 2: these columns fit nothing: ask", "prompt, completion"),
    "two kinds": ([ROW, {"text": "it is so"}], [], "different kinds", "one kind of rows"),
    "one token": ([{"text": "it is so"}, {"text": "a"}], [], r"line 2 has 2 tokens, 0 of them to learn", "row out"),
    "too long": (
        [ROW, {**ROW, "completion": "x" * 300}],
        [],
        r"line 2 has 3\d\d tokens; max_length is 128",
        "too_long",
    ),
    "a row of the test set": ([ROW, {**ROW, "prompt": "Who?"}], [{**ROW}], r"line 1 stands in the held-back", "out"),
}
"""Rows to learn from, rows held back, what is said, and the cure."""


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_end_a_run_before_a_model_is_loaded(
    case: str, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, held, said, cure = BAD[case]
    for name in ("load_model", "reload"):
        monkeypatch.setattr(f"training.tuning.sft.{name}", lambda *_: pytest.fail("a model was loaded"))
    dev = [write_rows(tmp_path / "dev.jsonl", held)] if held else []
    more = [] if held or not rows or "ask" in rows[-1] else [{**rows[0], "document": n} for n in range(3)]
    with pytest.raises(UsageError, match=said) as refused:
        tune("sft", tmp_path, tiny, [*rows, *more], dev=dev, packing=False)
    assert cure in refused.value.cure


def test_a_single_label_is_nothing_to_learn(tmp_path: Path, encoder: Path) -> None:
    rows = [{"text": asked, "label": "one"} for asked, _, _ in signals(20)]
    with pytest.raises(UsageError, match="have the label 'one'"):
        tune("classifier", tmp_path, encoder, rows)
