"""A quick look at development rows while training; `training.reader.report` gives the figures that count."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import torch

from eval.squad import auc, f1
from training.reader.data import Row, Tokens, Window, read_jsonl, to_row, window
from training.reader.model import ReaderNetwork, collate
from training.reader.recipe import ReaderRecipe


def quick_look(network: ReaderNetwork, tokens: Tokens, recipe: ReaderRecipe, folder: Path) -> dict[str, float]:
    """F1 on answerable rows (no refusing) and AUC of answerability on a fixed sample of squad_dev."""
    draw = random.Random(0)  # noqa: S311 - a sample, no secret
    rows = [row for row in (to_row(r, "dev") for r in read_jsonl(folder / "squad_dev.jsonl.gz")) if row]
    rows = draw.sample(rows, min(recipe.evaluate_rows, len(rows)))
    found = [(row, window(row, tokens, recipe, draw)) for row in rows]
    pairs = sorted(((row, seen) for row, seen in found if seen), key=lambda pair: len(pair[1].ids))
    network.eval()
    yes: list[float] = []
    no: list[float] = []
    scores: list[float] = []
    for first in range(0, len(pairs), 16):
        part = pairs[first : first + 16]
        for (row, _), (text, chance) in zip(part, _answers(network, tokens, part), strict=True):
            (yes if row.answerable else no).append(chance)
            if row.answerable:
                scores.append(f1(text, row.answers))
    mean = 100 * sum(scores) / max(1, len(scores))
    return {"answerable_f1": round(mean, 2), "auc": round(auc(yes, no), 4), "rows": len(pairs)}


@torch.no_grad()
def _answers(network: ReaderNetwork, tokens: Tokens, part: Sequence[tuple[Row, Window]]) -> list[tuple[str, float]]:
    start, end, answerable = network(*collate([found for _, found in part]))
    results = []
    for line, (row, found) in enumerate(part):
        passage = slice(found.question_length, len(found.ids) - 1)
        table = start[line, passage, None] + end[line, None, passage]
        allowed = torch.ones_like(table).triu().tril(29).bool()
        one, other = divmod(int(table.masked_fill(~allowed, -1e4).argmax()), table.shape[1])
        offsets = tokens.encode(row.context)[1]
        text = row.context[offsets[found.first + one][0] : offsets[found.first + other][1]]
        results.append((text, float(answerable[line])))
    return results
