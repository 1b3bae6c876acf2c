"""Rows of examples: read, checked before any model is loaded, and divided by document."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphs.errors import UsageError

Values = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One example, and where it stands."""

    path: Path
    number: int
    values: Values

    @property
    def where(self) -> str:
        """For a message: file and line."""
        return f"{self.path}, line {self.number}"


@dataclass(frozen=True)
class Shape:
    """The columns a row must have. `check` returns what is wrong with its values, or nothing."""

    name: str
    columns: tuple[str, ...]
    check: Callable[[Values], str] = lambda _: ""
    example: str = ""


def read(paths: Sequence[Path], shapes: Sequence[Shape], *, most: int = 0, seed: int = 0) -> list[Row]:
    """The rows of all files, at most `most` of each. Raises `UsageError` naming the row at fault and the cure."""
    rows: list[Row] = []
    for path in paths:
        found = [Row(path, number, values) for number, values in _lines(path)]
        if not found:
            raise UsageError(f"{str(path)!r} has no rows.", f"Write one JSON object a line, {_wanted(shapes)}.")
        for row in found:
            _fits(row, shapes)
        if most and len(found) > most:
            found = random.Random(seed).sample(found, most)  # noqa: S311 - a sample, no secret
        rows += found
    kinds = {shape_of(row, shapes).name for row in rows}
    if len(kinds) > 1:
        cure = "Train on one kind of rows at a time."
        raise UsageError(f"The rows are of different kinds: {', '.join(sorted(kinds))}.", cure)
    return rows


def shape_of(row: Row, shapes: Sequence[Shape]) -> Shape:
    """The first shape whose columns the row has. Raises `UsageError` where none fits."""
    for shape in shapes:
        if all(column in row.values for column in shape.columns):
            return shape
    have = ", ".join(sorted(row.values)) or "none"
    raise UsageError(f"{row.where}: these columns fit nothing: {have}.", f"Write rows {_wanted(shapes)}.")


def divide(rows: Sequence[Row], share: float, seed: int, key: Callable[[Values], str]) -> tuple[list[Row], list[Row]]:
    """Rows to learn from and rows held back; rows of one document, named by `key`, stay together.

    Raises `UsageError` where there are too few documents to hold any back.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row.values), []).append(row)
    names = sorted(groups)
    if len(names) < 2:
        cure = "Give more rows, or a file of its own with dev."
        raise UsageError(f"All {len(rows)} rows are of one document: none can be held back.", cure)
    random.Random(seed).shuffle(names)  # noqa: S311 - a division, no secret
    wanted = max(1, round(share * len(rows)))
    held: list[str] = []
    while sum(len(groups[name]) for name in held) < wanted and len(held) < len(names) - 1:
        held.append(names[len(held)])
    chosen = set(held)
    train = [row for row in rows if key(row.values) not in chosen]
    return train, [row for name in held for row in groups[name]]


def refuse_leaks(train: Sequence[Row], dev: Sequence[Row], key: Callable[[Values], str]) -> None:
    """Raise `UsageError` where a row is both learnt from and judged by."""
    judged = {_normal(key(row.values)): row for row in dev}
    for row in train:
        if twin := judged.get(_normal(key(row.values))):
            cure = "Take it out of one of the two files; `crossroads data clean` does it for whole sets."
            raise UsageError(f"{row.where} stands in the held-back rows too ({twin.where}).", cure)


def refuse_lengths(
    rows: Sequence[Row], lengths: Sequence[tuple[int, int]], longest: int, policy: str
) -> tuple[list[Row], int]:
    """The rows that fit and how many were dropped. `lengths` holds tokens in all, and tokens to learn from.

    Raises `UsageError` for a row with nothing to learn, and with the policy `refuse` for one that is too long.
    """
    kept: list[Row] = []
    for row, (whole, learnt) in zip(rows, lengths, strict=True):
        if learnt < 1 or whole < 2:
            raise UsageError(
                f"{row.where} has {whole} tokens, {learnt} of them to learn: nothing follows from it.",
                "Write a longer answer, or take the row out.",
            )
        if whole > longest and policy == "refuse":
            cure = f"--set max_length={whole}, or --set too_long=drop (or cut) for all such rows."
            raise UsageError(f"{row.where} has {whole} tokens; max_length is {longest}.", cure)
        if whole <= longest or policy == "cut":
            kept.append(row)
    if not kept:
        raise UsageError(f"None of {len(rows)} rows is within {longest} tokens.", "Raise max_length, or shorten them.")
    return kept, len(rows) - len(kept)


def _lines(path: Path) -> Iterator[tuple[int, Values]]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _object(line, path, number)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{str(path)!r} cannot be read: {reason}.", "Name a file of JSON Lines.") from None


def _object(line: bytes, path: Path, number: int) -> Values:
    where = f"{path}, line {number}"
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        cure = "Save the file as UTF-8; `crossroads data clean` repairs such files."
        raise UsageError(f"{where} is not UTF-8: {error.reason} at byte {error.start}.", cure) from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{where} is not JSON: {error}.", "Write one JSON object a line.") from None
    if not isinstance(row, dict):
        raise UsageError(f"{where} is not a JSON object.", "Write one JSON object a line.")
    return row


def _fits(row: Row, shapes: Sequence[Shape]) -> None:
    shape = shape_of(row, shapes)
    if wrong := shape.check(row.values):
        raise UsageError(f"{row.where}: {wrong}.", f"Write it as {shape.example}.")


def _wanted(shapes: Sequence[Shape]) -> str:
    return " or ".join(f"with {', '.join(shape.columns)} ({shape.name})" for shape in shapes)


def _normal(text: str) -> str:
    return " ".join(text.lower().split())


def text_column(values: Mapping[str, Any], *names: str) -> str:
    """What is wrong with columns that must hold text; empty where nothing is."""
    for name in names:
        if not isinstance(values[name], str):
            return f"{name!r} is {type(values[name]).__name__}, not text"
        if not values[name].strip():
            return f"{name!r} is empty"
    return ""
