"""What a tuned model is judged by, before and after: its answers, and how likely it finds given ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.tuning.causal import calm


@dataclass(frozen=True)
class Encoded:
    """A prompt and what should follow, as token ids."""

    prompt: list[int]
    completion: list[int]


def answers(model: Any, tokenizer: Any, prompts: Sequence[list[int]], most: int, batch: int = 8) -> list[str]:
    """What the model writes to each prompt: greedy, at most `most` tokens, special tokens left out."""
    import torch

    order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
    written: dict[int, str] = {}
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        ids, mask = _left_padded([prompts[index] for index in part], tokenizer.pad_token_id, model.device)
        with torch.inference_mode(), calm():
            out = model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=most,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
                use_cache=True,
            )
        for index, line in zip(part, out[:, ids.shape[1] :], strict=True):
            written[index] = tokenizer.decode(line, skip_special_tokens=True).strip()
    return [written[index] for index in range(len(prompts))]


def log_likelihoods(model: Any, rows: Sequence[Encoded], pad: int, batch: int = 8) -> list[float]:
    """Natural log of the chance of each completion behind its prompt, a token on average."""
    import torch

    order = sorted(range(len(rows)), key=lambda index: -len(rows[index].prompt) - len(rows[index].completion))
    found: dict[int, float] = {}
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        whole = [rows[index].prompt + rows[index].completion for index in part]
        ids, mask = _right_padded(whole, pad, model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=mask).logits.float()
        shift = logits.shape[1] - ids.shape[1]  # virtual tokens of prompt tuning stand in front
        chances = torch.log_softmax(logits[:, shift:-1], dim=-1).gather(2, ids[:, 1:, None])[..., 0]
        for line, index in enumerate(part):
            start, end = len(rows[index].prompt) - 1, len(whole[line]) - 1
            found[index] = float(chances[line, start:end].mean())
    return [found[index] for index in range(len(rows))]


def interval(values: Sequence[float], seed: int = 0, draws: int = 2000) -> tuple[float, float, float]:
    """Mean and 95 % bootstrap interval of values that stand for one row each."""
    sample = np.asarray(values, float)
    drawn = np.random.default_rng(seed).integers(0, len(sample), (draws, len(sample)))
    means = sample[drawn].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(sample.mean()), float(low), float(high)


def change(name: str, before: Sequence[float], after: Sequence[float]) -> dict[str, float]:
    """Metrics of a change, row by row: both means, the gain and its interval."""
    gains = [late - early for early, late in zip(before, after, strict=True)]
    gain, low, high = interval(gains)
    return {
        name: float(np.mean(after)),
        f"{name}_before": float(np.mean(before)),
        f"{name}_gain": gain,
        f"{name}_gain_low": low,
        f"{name}_gain_high": high,
    }


def _left_padded(rows: Sequence[list[int]], pad: int, device: Any) -> tuple[Any, Any]:
    import torch

    width = max(len(row) for row in rows)
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
    return ids, mask


def _right_padded(rows: Sequence[list[int]], pad: int, device: Any) -> tuple[Any, Any]:
    import torch

    width = max(len(row) for row in rows)
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    return ids, mask
