"""Packing is exact: rows that share a sequence are learnt as if each stood alone."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.training.tiny import signals, write_rows
from training.run import Run
from training.tuning.causal import load_tokenizer
from training.tuning.prepare import prepare
from training.tuning.recipe import SftRecipe
from training.tuning.sft import _document, _trainer
from training.tuning.texts import SFT_SHAPES

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=["answers", "texts"])
def packed(request: pytest.FixtureRequest, tmp_path: Path, tiny: Path) -> tuple[Any, dict[str, Any]]:
    """A trainer that packs rows, and a batch of it with several rows in one sequence."""
    rows = [{"prompt": asked, "completion": right} for asked, right, _ in signals(24)]
    if request.param == "texts":
        rows = [{"text": f"{asked} means {right}"} for asked, right, _ in signals(24)]
    recipe = SftRecipe(
        name="packed",
        out=tmp_path / "run",
        base=str(tiny),
        data=[write_rows(tmp_path / "rows.jsonl", rows)],
        adapter="none",
        packing=True,
        batch=1,
        max_length=160,
    )
    with Run(recipe) as run:
        prepared = prepare(recipe, run, SFT_SHAPES, _document, lambda _: (2, 1))
        trainer = _trainer(recipe, run, prepared, tiny, load_tokenizer(tiny), 1, 1)
        batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    assert "attention_mask" not in batch
    return trainer, batch


def parts(batch: dict[str, Any]) -> list[slice]:
    """Where each row of a packed sequence stands."""
    starts = [*(batch["position_ids"][0] == 0).nonzero()[:, 0].tolist(), batch["input_ids"].shape[1]]
    return [slice(one, other) for one, other in itertools.pairwise(starts)]


def alone(model: Any, batch: dict[str, Any], part: slice) -> tuple[Any, int]:
    """The summed loss of one row by itself, and of how many tokens."""
    from torch.nn.functional import cross_entropy

    ids, labels = batch["input_ids"][:, part], batch["labels"][0, part][1:]
    logits = model(input_ids=ids, use_cache=False).logits[0, :-1]
    return cross_entropy(logits, labels, ignore_index=-100, reduction="sum"), int((labels != -100).sum())


def test_the_loss_and_its_gradients_are_those_of_the_rows_one_by_one(packed: tuple[Any, dict[str, Any]]) -> None:
    import torch

    trainer, batch = packed
    model = trainer.model.eval()
    assert len(parts(batch)) > 2
    together = trainer.compute_loss(model, dict(batch))
    together.backward()
    found = {name: value.grad.clone() for name, value in model.named_parameters()}
    model.zero_grad()
    sums = [alone(model, batch, part) for part in parts(batch)]
    mean = sum(loss for loss, _ in sums) / sum(count for _, count in sums)
    mean.backward()
    assert together.item() == pytest.approx(mean.item(), rel=1e-5)
    for name, value in model.named_parameters():
        assert torch.allclose(found[name], value.grad, rtol=1e-3, atol=1e-6), name


def test_a_row_does_not_see_what_stands_before_it(packed: tuple[Any, dict[str, Any]]) -> None:
    import torch

    trainer, batch = packed
    model, (first, second, *_) = trainer.model.eval(), parts(batch)
    with torch.no_grad():
        seen = {name: batch[name] for name in ("input_ids", "position_ids")}
        before = model(**seen, use_cache=False).logits
        other = batch["input_ids"].clone()
        other[:, first] = other[:, first].flip(1)
        after = model(input_ids=other, position_ids=batch["position_ids"], use_cache=False).logits
    assert not torch.allclose(before[:, first], after[:, first], atol=1e-3)
    assert torch.allclose(before[:, second], after[:, second], atol=1e-5)
