"""Rows that share a beginning are computed as they would be alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.tiny import signals, write_rows
from training.run import read_events
from training.tuning.measure import Encoded
from training.tuning.shared import IGNORED, collator, grow

pytestmark = pytest.mark.usefixtures("one_thread")
ROWS = [
    Encoded([5, 6, 7, 8, 9], [10, 11]),
    Encoded([5, 6, 7, 12], [13]),
    Encoded([5, 6, 7, 8, 14, 15], [16, 17, 18]),
]


def test_one_tree_holds_the_beginning_once() -> None:
    (tree,) = grow([("a", row) for row in ROWS], 99)
    assert tree.lengths == [3, 4, 2, 6]
    assert tree.ids == [5, 6, 7, 8, 9, 10, 11, 12, 13, 8, 14, 15, 16, 17, 18]
    assert [label for label in tree.labels if label != IGNORED] == [10, 11, 13, 16, 17, 18]


def test_other_keys_and_long_trees_stand_apart() -> None:
    assert [tree.lengths for tree in grow([("a", ROWS[0]), ("b", ROWS[1])], 99)] == [[4, 3], [3, 2]]
    assert [len(tree.ids) for tree in grow([("a", row) for row in ROWS], 10)] == [9, 9]


def test_loss_and_gradients_are_those_of_the_rows_alone() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=24,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    model = LlamaForCausalLM(config).eval()

    def total(ids: list[int], labels: list[int], **others: torch.Tensor) -> torch.Tensor:
        logits = model(input_ids=torch.tensor([ids]), **others).logits[0]
        return torch.nn.functional.cross_entropy(
            logits[:-1], torch.tensor(labels[1:]), ignore_index=IGNORED, reduction="sum"
        )

    alone = torch.stack(
        [total(row.prompt + row.completion, [IGNORED] * len(row.prompt) + row.completion) for row in ROWS]
    ).sum()
    expected = torch.autograd.grad(alone, list(model.parameters()))
    trees = grow([("a", ROWS[0]), ("a", ROWS[1]), ("a", ROWS[2]), ("b", ROWS[1])], 99)
    batch = collator(0)([tree.as_row() for tree in trees])
    logits = model(**{name: value for name, value in batch.items() if name != "labels"}).logits[:1]
    shared = torch.nn.functional.cross_entropy(
        logits[0, :-1], batch["labels"][0, 1:], ignore_index=IGNORED, reduction="sum"
    )
    torch.testing.assert_close(shared, alone, rtol=1e-5, atol=1e-5)
    found = torch.autograd.grad(shared, list(model.parameters()))
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_an_adapter_of_virtual_tokens_cannot_share(tmp_path: Path) -> None:
    from pydantic import ValidationError

    from training.tuning.recipe import SftRecipe

    with pytest.raises(ValidationError, match="shared_prompts does not work"):
        SftRecipe(name="x", out=tmp_path, base="b", data=[tmp_path], shared_prompts=True, adapter="prefix")


def test_rows_that_share_passages_are_learnt_and_judged(tmp_path: Path, tiny: Path) -> None:
    from training.stages import train
    from training.tuning.recipe import SftRecipe

    rows = [
        {"document": f"{name[-1]}", "question": name, "passages": [f"Light {name[-1]}."], "answer": f"{right} [1]"}
        for name, right, _ in signals(96)
    ]
    data = write_rows(tmp_path / "rows.jsonl", rows)
    usual = {"batch": 2, "max_length": 1200, "learning_rate": 1e-2, "schedule": "constant", "judge_rows": 12}
    usual |= {"evaluate_every": 1000, "checkpoint_every": 1000, "answer_tokens": 12, "steps": 30}
    recipe = SftRecipe(
        name="shared", out=tmp_path / "run", base=str(tiny), data=[data], dev_share=0.2, shared_prompts=True, **usual
    )
    figures = train(recipe).version.metrics
    assert figures["loss_gain_high"] < 0
    assert figures["f1_gain_low"] > 20
    seen = [event["num_input_tokens_seen"] for event in read_events(tmp_path / "run") if event["event"] == "step"]
    longest = max(seen[number] - seen[number - 1] for number in range(1, len(seen)))
    assert 0 < longest <= 2 * 1200  # tokens are counted, not the mask's entries


def test_the_wish_to_refuse_is_that_of_each_question_alone(tmp_path: Path, tiny: Path) -> None:
    import peft
    from transformers import AutoModelForCausalLM

    from training.tuning.causal import calm, load_tokenizer
    from training.tuning.measure import log_likelihoods
    from training.tuning.refusing import refusal_log_odds
    from training.tuning.texts import REFUSAL, encode_prompt, grounded_prompt

    base = AutoModelForCausalLM.from_pretrained(tiny)
    with calm():
        peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules="all-linear")).save_pretrained(tmp_path)
    asked = [("Which?", ["One."]), ("Where?", ["Two."]), ("When was it?", ["One."])]
    found = refusal_log_odds(tiny, tmp_path, asked)
    tokenizer, model = load_tokenizer(tiny), AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.bfloat16)
    begins = tokenizer(REFUSAL, add_special_tokens=False).input_ids[:3]
    rows = [Encoded(encode_prompt(grounded_prompt(*one), tokenizer), begins) for one in asked]
    alone = [3 * each for each in log_likelihoods(model, rows, 0)]
    assert found == pytest.approx([max(one, -13.8) for one in alone], abs=0.2)  # bf16, and far from a half
