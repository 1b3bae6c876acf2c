"""Rows that share a beginning are computed as they would be alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training.tuning.measure import Encoded
from training.tuning.shared import IGNORED, collator, grow

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
