"""Rows whose prompts begin alike, as one sequence: many questions about the same passages cost the passages once.

The beginning stands once, each row's rest behind it as a branch. A mask lets a branch see the beginning and itself,
and positions go on from the beginning in every branch, so that each row is computed as it would be alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from training.tuning.measure import Encoded

IGNORED = -100
"""The label of a token that is not learnt, as torch's cross-entropy has it."""


@dataclass(frozen=True)
class Tree:
    """A sequence of one beginning and its branches."""

    ids: list[int]
    labels: list[int]
    lengths: list[int]
    """Tokens of the beginning, then of each branch."""

    def as_row(self) -> dict[str, list[int]]:
        """The columns TRL's trainer keeps."""
        return {"input_ids": self.ids, "labels": self.labels, "seq_lengths": self.lengths}


def grow(rows: Sequence[tuple[str, Encoded]], longest: int) -> list[Tree]:
    """Trees of the rows that name the same key, each of at most `longest` tokens; the order of rows is kept.

    Keys only say which rows may stand together; what they share is what their prompts' tokens have in common. A row
    that is longer than `longest` alone must be left out before.
    """
    groups: dict[str, list[Encoded]] = {}
    for key, row in rows:
        groups.setdefault(key, []).append(row)
    return [_tree(part) for group in groups.values() for part in _parts(group, longest)]


def _parts(group: Sequence[Encoded], longest: int) -> list[list[Encoded]]:
    """The group cut where a tree would grow too long."""
    parts: list[list[Encoded]] = []
    for row in group:
        grown = [*parts[-1], row] if parts else [row]
        if parts and _size(grown) <= longest:
            parts[-1] = grown
        else:
            parts.append([row])
    return parts


def _size(rows: Sequence[Encoded]) -> int:
    shared = _shared(rows)
    return shared + sum(len(row.prompt) + len(row.completion) - shared for row in rows)


def _shared(rows: Sequence[Encoded]) -> int:
    """How many tokens all prompts begin with; the last one of each prompt stays with its branch, which predicts."""
    columns = zip(*(row.prompt[:-1] for row in rows), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _tree(rows: Sequence[Encoded]) -> Tree:
    shared = _shared(rows)
    ids, labels, lengths = list(rows[0].prompt[:shared]), [IGNORED] * shared, [shared]
    for row in rows:
        rest = row.prompt[shared:]
        ids += rest + row.completion
        labels += [IGNORED] * len(rest) + row.completion
        lengths.append(len(rest) + len(row.completion))
    return Tree(ids, labels, lengths)


def branches(lengths: Sequence[int]) -> tuple[Any, Any]:
    """Which token sees which, (tokens, tokens) of booleans, and each token's position, (tokens,)."""
    import torch

    owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    order = torch.arange(len(owner))
    sees = (order[:, None] >= order) & ((owner == 0) | (owner[:, None] == owner))
    starts = torch.tensor([0, *(sum(lengths[:number]) for number in range(1, len(lengths)))])
    positions = order - starts[owner] + torch.where(owner > 0, lengths[0], 0)
    return sees, positions


def collator(pad: int) -> Any:
    """A batch of trees as the model takes it: ids, labels, positions, and a mask of (batch, 1, tokens, tokens)."""
    import torch

    def collate(rows: list[dict[str, list[int]]]) -> dict[str, Any]:
        width = max(len(row["input_ids"]) for row in rows)
        ids = torch.full((len(rows), width), pad)
        labels, positions = torch.full_like(ids, IGNORED), torch.zeros_like(ids)
        mask = torch.eye(width, dtype=torch.bool).repeat(len(rows), 1, 1, 1)  # padding sees itself, or there is no sum
        for line, row in enumerate(rows):
            size = len(row["input_ids"])
            ids[line, :size] = torch.tensor(row["input_ids"])
            labels[line, :size] = torch.tensor(row["labels"])
            mask[line, 0, :size, :size], positions[line, :size] = branches(row["seq_lengths"])
        return {"input_ids": ids, "labels": labels, "position_ids": positions, "attention_mask": mask}

    return collate
