"""Rows as a network reads them: the best span of each passage, and what else is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from training.grounding.features import Rarity
from training.reader.data import Row, Tokens
from training.reader.looks import looks, nearness, texts_of
from training.reader.model import ReaderNetwork
from training.reader.nearness import BaseEncoder
from training.reader.reading import Found, best_span, cut, pad
from training.reader.recipe import PairRecipe, ReaderRecipe

OVERLAP = 96
"""Tokens two neighbouring pieces of a long passage share."""


@dataclass(frozen=True)
class Read:
    """A row and what the network found in its passage."""

    row: Row
    found: Found
    text: str
    looks: tuple[float, ...] = ()
    """What else was looked at, as `training.reader.looks` orders it."""


def load_network(recipe: PairRecipe, *, halved: bool = False) -> ReaderNetwork:
    """The network with the run's last checkpoint; `halved` rounds what was tuned to fp16, as it ships."""
    from safetensors import safe_open

    network = ReaderNetwork(recipe.base, 0.0)
    with safe_open(str(recipe.out / "checkpoint.safetensors"), "pt") as found:
        names = [name for name in found.keys() if name.startswith("weight/")]  # noqa: SIM118 - no mapping
        network.load_state_dict({name[7:]: found.get_tensor(name) for name in names}, strict=False)
    for parameter in network.parameters():
        if halved and parameter.requires_grad:
            parameter.data = parameter.data.half().float()
    return network.eval()


@torch.inference_mode()
def read_rows(network: ReaderNetwork, tokens: Tokens, recipe: ReaderRecipe, rows: Sequence[Row]) -> list[Read]:
    """Read every row as the application does: pieces of long passages, the piece most likely to answer."""
    pieces = [
        (number, piece)
        for number, row in enumerate(rows)
        for piece in cut(
            tokens.encode(row.question)[0],
            tokens.encode(row.context)[0],
            recipe.max_tokens,
            OVERLAP,
            recipe.max_question_tokens,
        )
    ]
    pieces.sort(key=lambda pair: len(pair[1].ids))
    best: dict[int, Found] = {}
    for first in range(0, len(pieces), 16):
        part = pieces[first : first + 16]
        start, end, judged = (
            value.numpy() for value in network(*map(torch.from_numpy, pad([piece for _, piece in part])))
        )
        for line, (number, piece) in enumerate(part):
            found = best_span(piece, start[line], end[line], float(judged[line]))
            if number not in best or found.judged > best[number].judged:
                best[number] = found
    return [_read(row, best[number], tokens) for number, row in enumerate(rows)]


class Looker:
    """Looks at what the network found: words by their rarity, meaning by the untuned base."""

    def __init__(self, base: Path, rarity: Rarity) -> None:
        self.rarity = rarity
        self._encoder = BaseEncoder(base)

    def look(self, reads: Sequence[Read], tokens: Tokens) -> list[Read]:
        """The reads with their looks."""
        wanted = [texts_of(read.row.question, read.row.context) for read in reads]
        vectors = self._encoder.embed([text for texts in wanted for text in texts])
        found = []
        for read, texts in zip(reads, wanted, strict=True):
            start, end = _offsets(read, tokens)
            near = nearness(np.array([vectors[text] for text in texts]), read.row.context, start, end)
            asked, passage = read.row.question, read.row.context
            looked = looks(asked, passage, start, end, read.found.score, near, self.rarity)
            found.append(replace(read, looks=looked))
        return found


def _offsets(read: Read, tokens: Tokens) -> tuple[int, int]:
    offsets = tokens.encode(read.row.context)[1]
    return offsets[read.found.start][0], offsets[read.found.end][1]


def _read(row: Row, found: Found, tokens: Tokens) -> Read:
    read = Read(row, found, "")
    start, end = _offsets(read, tokens)
    return replace(read, text=row.context[start:end])
