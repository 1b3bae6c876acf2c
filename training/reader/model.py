"""The network: an encoder with a span head and a separate answerability head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.reader.data import Window

FROZEN = "encoder.embeddings.word_embeddings.weight"
"""Stays as the base has it, so that tuned weights ship without it."""
CLOSED = -30.0
"""Span logit of tokens outside the passage."""


class ReaderNetwork(nn.Module):
    """Start and end logits for every token, and one answerability logit for the pair."""

    def __init__(self, base: Path, dropout: float = 0.1) -> None:
        super().__init__()
        from transformers import BertModel

        self.encoder = BertModel.from_pretrained(
            str(base), add_pooling_layer=False, attention_probs_dropout_prob=0.0, hidden_dropout_prob=dropout
        )
        width = self.encoder.config.hidden_size
        self.span = nn.Linear(width, 2)
        self.judge_in = nn.Linear(3 * width + 1, width)
        self.judge_out = nn.Linear(width, 1)
        self.dropout = nn.Dropout(dropout)
        self.encoder.embeddings.word_embeddings.weight.requires_grad_(False)

    def forward(self, ids: Tensor, attention: Tensor, types: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ids, attention, types: (batch, tokens) integers → start and end (batch, tokens), answerable (batch)."""
        states = self.encoder(input_ids=ids, attention_mask=attention, token_type_ids=types).last_hidden_state
        spans = self.span(states).masked_fill((types == 0).unsqueeze(-1), CLOSED)
        best = spans.amax(1).sum(-1, keepdim=True) / 10
        question = _mean(states, attention * (1 - types))
        passage = _mean(states, attention * types)
        pooled = self.dropout(torch.cat([states[:, 0], question, passage, best], dim=-1))
        answerable = self.judge_out(self.dropout(functional.gelu(self.judge_in(pooled)))).squeeze(-1)
        return spans[..., 0], spans[..., 1], answerable

    def tuned_state(self) -> dict[str, Tensor]:
        """The weights that training changed: everything but the frozen word embeddings."""
        return {name: value for name, value in self.state_dict().items() if name != FROZEN}


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1.0)


def collate(windows: Sequence[Window]) -> tuple[Tensor, Tensor, Tensor]:
    """ids, attention and types of a batch, padded to its longest window; types are 1 on passage tokens."""
    longest = max(len(window.ids) for window in windows)
    ids = torch.zeros(len(windows), longest, dtype=torch.long)
    attention, types = torch.zeros_like(ids), torch.zeros_like(ids)
    for line, window in enumerate(windows):
        size = len(window.ids)
        ids[line, :size] = torch.tensor(window.ids)
        attention[line, :size] = 1
        types[line, window.question_length : size - 1] = 1
    return ids, attention, types


def losses(network: ReaderNetwork, windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
    """Span cross-entropy over the answerable windows, and answerability binary cross-entropy over all."""
    ids, attention, types = collate(windows)
    start, end, answerable = (logits.float() for logits in network(ids, attention, types))  # bf16 rounds losses
    target = torch.tensor([float(window.start >= 0) for window in windows])
    judged = functional.binary_cross_entropy_with_logits(answerable, target)
    rows = target.bool()
    if not rows.any():
        return start.sum() * 0.0, judged
    starts = torch.tensor([window.start for window in windows if window.start >= 0])
    ends = torch.tensor([window.end for window in windows if window.start >= 0])
    span = functional.cross_entropy(start[rows], starts) + functional.cross_entropy(end[rows], ends)
    return span / 2, judged
