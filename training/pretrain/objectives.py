"""What a model is asked: the next token, hidden tokens, or hidden spans. A pure function of blocks and seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.errors import UsageError
from training.pretrain.recipe import PretrainRecipe

Ids = NDArray[np.int64]
IGNORED = -100
"""A label that no loss is taken from."""


def batch_of(blocks: Ids, recipe: PretrainRecipe, tokenizer: Any, seed: int) -> dict[str, Ids]:
    """`input_ids` and `labels` for blocks of shape (batch, context); the same seed hides the same tokens."""
    if recipe.architecture == "bert":
        return _masked(blocks, recipe, tokenizer, np.random.default_rng(seed))
    if recipe.architecture == "t5":
        return _denoising(blocks, recipe, tokenizer, np.random.default_rng(seed))
    return {"input_ids": blocks, "labels": blocks}


def check_tokens(recipe: PretrainRecipe, tokenizer: Any) -> None:
    """Raise `UsageError` where the tokenizer lacks a token the objective needs."""
    if recipe.architecture == "bert" and tokenizer.mask_token_id is None:
        raise UsageError("This tokenizer has no mask token, which BERT needs.", "Train one of the kind wordpiece.")
    if recipe.architecture == "t5" and "<extra_id_0>" not in tokenizer.get_vocab():
        raise UsageError("This tokenizer has no <extra_id_0>, which T5 needs.", "Train one with sentinels: 100.")


def _masked(blocks: Ids, recipe: PretrainRecipe, tokenizer: Any, draw: np.random.Generator) -> dict[str, Ids]:
    """BERT (Devlin et al. 2019): of the hidden tokens 80 % are masked, 10 % replaced by another, 10 % left."""
    special = np.isin(blocks, tokenizer.all_special_ids)
    hidden = (draw.random(blocks.shape) < recipe.mask_share) & ~special
    hidden[:, 0] |= ~hidden.any(axis=1)  # a block without a question has no loss
    fate = draw.random(blocks.shape)
    ids = np.where(hidden & (fate < 0.8), tokenizer.mask_token_id, blocks)
    others = draw.integers(0, len(tokenizer), blocks.shape)
    ids = np.where(hidden & (fate >= 0.8) & (fate < 0.9), others, ids)
    return {"input_ids": ids, "labels": np.where(hidden, blocks, IGNORED)}


def _denoising(blocks: Ids, recipe: PretrainRecipe, tokenizer: Any, draw: np.random.Generator) -> dict[str, Ids]:
    """T5 (Raffel et al. 2020): spans give way to sentinels; the decoder writes each sentinel and its span."""
    rows = [_spans(block, recipe, tokenizer, draw) for block in blocks]
    pad = int(tokenizer.pad_token_id)
    inputs, labels = ([row[side] for row in rows] for side in (0, 1))
    return {
        "input_ids": _padded(inputs, pad),
        "labels": _padded(labels, IGNORED),
        "attention_mask": _padded([[1] * len(row) for row in inputs], 0),
    }


def _spans(
    block: Ids, recipe: PretrainRecipe, tokenizer: Any, draw: np.random.Generator
) -> tuple[list[int], list[int]]:
    length = len(block)
    hidden = max(1, round(recipe.mask_share * length))
    count = max(1, min(round(hidden / recipe.span), hidden, length - hidden, 100))
    lost, kept = _pieces(hidden, count, draw), _pieces(length - hidden, count, draw)
    inputs: list[int] = []
    labels: list[int] = []
    at = 0
    for number, (stay, go) in enumerate(zip(kept, lost, strict=True)):
        sentinel = int(tokenizer.convert_tokens_to_ids(f"<extra_id_{number}>"))
        inputs += [*block[at : at + stay].tolist(), sentinel]
        labels += [sentinel, *block[at + stay : at + stay + go].tolist()]
        at += stay + go
    return inputs, [*labels, int(tokenizer.eos_token_id)]


def _pieces(total: int, count: int, draw: np.random.Generator) -> list[int]:
    """`total` cut into `count` pieces of at least one."""
    cuts = np.sort(draw.choice(total - 1, count - 1, replace=False)) + 1 if count > 1 else np.array([], dtype=int)
    return [int(size) for size in np.diff(np.concatenate([[0], cuts, [total]]))]


def _padded(rows: list[list[int]], value: int) -> Ids:
    longest = max(map(len, rows))
    return np.array([row + [value] * (longest - len(row)) for row in rows], dtype=np.int64)
