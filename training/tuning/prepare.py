"""From a recipe's files to rows to learn from and rows to judge by; nothing is loaded but a tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.run import Run
from training.tuning.causal import refuse_four_bits
from training.tuning.recipe import TuningRecipe
from training.tuning.rows import Row, Shape, Values, divide, read, refuse_leaks, refuse_lengths

Length = Callable[[Row], tuple[int, int]]
"""Tokens of a row in all, and how many of them are learnt."""


@dataclass(frozen=True)
class Prepared:
    """Rows to learn from and rows held back."""

    train: list[Row]
    dev: list[Row]
    dropped: int
    """Rows to learn from that were too long."""
    lengths: list[int]
    """Tokens of each row to learn from."""


def check(recipe: TuningRecipe, shapes: Sequence[Shape]) -> None:
    """Look at every row before a base is fetched or converted. Raises `UsageError` naming the row at fault, and
    `ModelError` for an adapter that cannot be trained here."""
    if getattr(recipe, "adapter", "") == "qlora":
        refuse_four_bits()
    for paths in (recipe.data, recipe.dev):
        read(paths, shapes)


def prepare(
    recipe: TuningRecipe, run: Run, shapes: Sequence[Shape], document: Callable[[Values], str], length: Length
) -> Prepared:
    """Read, check, divide and measure the rows, and record their files.

    Raises `UsageError` naming the row at fault and the cure: wrong columns, broken UTF-8, no rows, rows that stand in
    the held-back file too, rows that are too long or have nothing to learn.
    """
    train = read(recipe.data, shapes, most=recipe.most_rows, seed=recipe.seed)
    if recipe.dev:
        dev = read(recipe.dev, shapes, most=recipe.most_rows, seed=recipe.seed)
        refuse_leaks(train, dev, lambda values: document(values) + str(values.get("question", "")))
    else:
        train, dev = divide(train, recipe.dev_share, recipe.seed, document)
    run.use_data([*recipe.data, *recipe.dev])
    train, dropped = refuse_lengths(train, [length(row) for row in train], recipe.max_length, recipe.too_long)
    dev, _ = refuse_lengths(dev, [length(row) for row in dev], recipe.max_length, recipe.too_long)
    if dropped:
        run.note(f"{dropped} rows have more than {recipe.max_length} tokens and are left out")
    return Prepared(train, dev, dropped, [length(row)[0] for row in train])
