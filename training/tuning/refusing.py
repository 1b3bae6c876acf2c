"""How strongly a grounded model wants to refuse: the log-odds that its answer begins as its refusal does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.tuning.causal import load_tokenizer, reload
from training.tuning.measure import Encoded
from training.tuning.shared import Tree, collator, grow
from training.tuning.texts import REFUSAL, encode_prompt, grounded_prompt

_BEGINNING = 3
"""Tokens of the refusal that are looked at: no answer begins with the same three."""
_TOGETHER = 12
"""Questions about the same passages that are computed at once."""


def refusal_log_odds(base: Path, adapter: Path, asked: Sequence[tuple[str, Sequence[str]]]) -> list[float]:
    """The log-odds of a refusal for each question with its passages; questions on the same passages share them."""
    import torch

    tokenizer = load_tokenizer(base)
    model = reload(base, adapter).merge_and_unload().to(torch.bfloat16)
    begins = tokenizer(REFUSAL, add_special_tokens=False).input_ids[:_BEGINNING]
    alike: dict[tuple[str, ...], list[int]] = {}
    for number, (_, passages) in enumerate(asked):
        alike.setdefault(tuple(passages), []).append(number)
    found: dict[int, float] = {}
    collate = collator(tokenizer.pad_token_id)
    for numbers in alike.values():
        for first in range(0, len(numbers), _TOGETHER):
            part = numbers[first : first + _TOGETHER]
            prompts = [encode_prompt(grounded_prompt(*asked[number]), tokenizer) for number in part]
            (tree,) = grow([("", Encoded(prompt, begins)) for prompt in prompts], 1 << 20)
            found |= dict(zip(part, _log_odds(model, tree, begins, collate), strict=True))
    return [found[number] for number in range(len(asked))]


def _log_odds(model: Any, tree: Tree, begins: Sequence[int], collate: Any) -> list[float]:
    """One number for each branch, whose last tokens are `begins`."""
    import torch

    batch = collate([tree.as_row()])
    ends = torch.tensor(tree.lengths).cumsum(0)[1:] - 1
    with torch.inference_mode():
        states = model.model(**{name: value for name, value in batch.items() if name != "labels"}).last_hidden_state[0]
        total = torch.zeros(len(ends))
        for place, token in enumerate(begins):
            before = ends - len(begins) + place
            total += model.lm_head(states[before]).float().log_softmax(-1)[:, token]
    chance = total.exp().clamp(1e-6, 1 - 1e-6)
    return [float(value) for value in torch.log(chance / (1 - chance))]
