"""`Sample` and `Score`, which evaluation and training share, and the JSON Lines files they live in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from graphs.errors import UsageError


class Sample(BaseModel):
    """One thing asked, and what a good answer would say."""

    model_config = ConfigDict(frozen=True)

    id: str
    input: str
    target: str | list[str] | None = None
    """The expected answer, or several that are all right; None where nothing is expected."""
    contexts: list[str] | None = None
    """Texts that stand in for retrieval; None lets the assistant retrieve."""
    metadata: dict[str, Any] = {}


class Score(BaseModel):
    """What a scorer thought of one answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    explanation: str = ""
    metadata: dict[str, Any] = {}


def read_samples(path: Path) -> list[Sample]:
    """The samples of a JSON Lines file, in order.

    Raises `UsageError` naming the line where the file cannot be read, a row is no sample, or an id occurs twice.
    """
    samples: list[Sample] = []
    seen: dict[str, int] = {}
    for number, row in read_rows(path):
        sample = _sample(row, path, number)
        if sample.id in seen:
            raise UsageError(
                f"{path}, line {number}: the id {sample.id!r} was used in line {seen[sample.id]}.",
                "Give each row its own.",
            )
        seen[sample.id] = number
        samples.append(sample)
    return samples


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of every line that is not blank. Raises `UsageError` where a line is no JSON object."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}.", "Name a file of JSON Lines in UTF-8.") from None
    for number, line in enumerate(data.split(b"\n"), start=1):  # not splitlines: U+2028 may stand inside a string
        if line.strip():
            yield number, _object(_decoded(line, path, number), path, number)


def _decoded(line: bytes, path: Path, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        said = f"{path}, line {number} is not UTF-8: {error.reason} at byte {error.start}."
        raise UsageError(said, "Save the file as UTF-8, or take that line out.") from None


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {number} is not JSON: {error}.", "Write one JSON object a line.") from None
    if not isinstance(row, dict):
        raise UsageError(f"{path}, line {number} is not a JSON object: {line[:60]!r}.", "Write one JSON object a line.")
    return row


def _sample(row: dict[str, Any], path: Path, number: int) -> Sample:
    if isinstance(row.get("id"), int):
        row = {**row, "id": str(row["id"])}
    try:
        return Sample(**row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path}, line {number}: field {field!r}: {first['msg']}.",
            "A sample has `id`, `input` and, where known, `target`, `contexts` and `metadata`.",
        ) from None
