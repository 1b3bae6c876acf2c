"""What the reader learns from is looked at before its encoder is loaded: a bad row ends the run with its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval.sample import read_rows
from graphs.errors import UsageError

SINGLE = ("squad_train", "qa_extractive_train", "qa_unanswerable_derived", "rc_extra_train")
"""Files of questions with one passage."""
SEVERAL = "qa_multi_passage_train"
HELD = "squad_dev"
_ONE = {"question": str, "context": str, "title": str, "answers": list, "is_impossible": bool}
_MANY = {"id": str, "question": str, "passages": list, "gold": list, "answers": list, "is_impossible": bool}


def check_rows(folder: Path) -> None:
    """Raise `UsageError` naming file, line and cure: broken UTF-8, wrong columns, no rows, a row that stands in the
    development rows too, or questions of one kind alone."""
    held = {_key(row): number for number, row in _rows(folder, HELD, _ONE)}
    kinds = set()
    for name in SINGLE:
        for number, row in _rows(folder, name, _ONE):
            kinds.add(row["is_impossible"])
            if twin := held.get(_key(row)):
                said = f"{_path(folder, name)}, line {number} stands in the development rows too (line {twin})."
                raise UsageError(said, "Take it out of one of the two files.")
    for _ in _rows(folder, SEVERAL, _MANY):
        pass
    if len(kinds) < 2:
        said = f"All questions are {'impossible' if kinds == {True} else 'answerable'}"
        raise UsageError(f"{said}: there is nothing to tell apart.", "Add rows whose is_impossible says otherwise.")


def _rows(folder: Path, name: str, columns: dict[str, type]) -> Iterator[tuple[int, dict[str, Any]]]:
    path, number = _path(folder, name), 0
    for number, row in read_rows(path):
        for column, kind in columns.items():
            if not isinstance(row.get(column), kind):
                found = f"{column!r} is {type(row[column]).__name__}" if column in row else f"there is no {column!r}"
                cure = f"Write rows with {', '.join(columns)}."
                raise UsageError(f"{path}, line {number}: {found}, not {kind.__name__}.", cure)
        yield number, row
    if not number:
        raise UsageError(f"{str(path)!r} has no rows.", f"Write one JSON object a line with {', '.join(columns)}.")


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl.gz"


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return " ".join(row["question"].lower().split()), " ".join(row["context"].lower().split())
