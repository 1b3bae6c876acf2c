"""Rows of any source, one at a time: JSON Lines, CSV, Parquet, plain text, a folder of these, or a set of the hub."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from graphs.errors import NotFoundError, UsageError

_TABLES = {".csv": ",", ".tsv": "\t"}
_TEXTS = {".txt", ".md", ".rst"}
_SUFFIXES = {".jsonl", ".ndjson", ".parquet", *_TABLES, *_TEXTS}
_CSV_FIELD = 1 << 27
_HUB = "hub:"


@dataclass(frozen=True)
class Row:
    """One record and where it stands."""

    source: str
    number: int
    """The line in JSON Lines, the row below the header in a table, 1 in plain text."""
    values: dict[str, Any]

    @property
    def where(self) -> str:
        """Source and number, for messages."""
        return f"{self.source}, row {self.number}"


def rows_of(sources: Sequence[str | Path]) -> Iterator[Row]:
    """Every row of every source, in order. `hub:NAME`, `hub:NAME/SUBSET@SPLIT` name a set of the Hugging Face hub.

    Raises `NotFoundError` for a source that is not there, and `UsageError` naming source and row where a row is
    broken: no JSON, not UTF-8, fewer columns than the header.
    """
    for source in sources:
        yield from _from_hub(str(source)) if str(source).startswith(_HUB) else _from_path(Path(source))


def files_of(sources: Sequence[str | Path]) -> list[Path]:
    """The files behind the sources, sorted within a folder; sets of the hub have none. Raises `NotFoundError`."""
    return [file for source in sources if not str(source).startswith(_HUB) for file in _files(Path(source))]


def field_of(row: Row, name: str) -> Any:
    """A row's value of one column. Raises `UsageError` naming row, column and the columns there are."""
    if name not in row.values:
        there = ", ".join(map(str, row.values)) or "none"
        raise UsageError(f"{row.where} has no column {name!r}.", f"It has: {there}. Name one of these.")
    return row.values[name]


def text_of(row: Row, name: str) -> str:
    """A row's text of one column. Raises `UsageError` where it is missing or no text."""
    value = field_of(row, name)
    if not isinstance(value, str):
        kind = type(value).__name__
        raise UsageError(f"{row.where}: column {name!r} holds {kind}, not text: {str(value)[:60]!r}.", "Mend that row.")
    return value


def collect(sources: Sequence[str | Path], fields: Sequence[str], out: Path) -> dict[str, int]:
    """Write the rows of all sources to one file of JSON Lines, each with an id; how many came of each source.

    Raises as `rows_of` does, and `UsageError` for a row that lacks one of `fields` or where `out` is there already.
    """
    if out.exists():
        raise UsageError(f"{str(out)!r} is there already.", "Choose another --out, or delete it.")
    counts: Counter[str] = Counter()
    part = out.with_name(out.name + ".part")
    with part.open("w", encoding="utf-8") as lines:
        for row in rows_of(sources):
            texts = {name: text_of(row, name) for name in fields}
            made = {"id": row.where, **row.values, **texts}
            lines.write(json.dumps(made, ensure_ascii=False, default=str) + "\n")
            counts[row.source] += 1
    part.replace(out)
    return dict(counts)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and _kind(file) in _SUFFIXES)
        if not found:
            raise NotFoundError(f"{str(path)!r} holds no files of text.", f"Known are {', '.join(sorted(_SUFFIXES))}.")
        return found
    if not path.is_file():
        raise NotFoundError(f"There is no file {str(path)!r}.", "Mend the path; hub:NAME names a set of the hub.")
    return [path]


def _kind(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix == ".gz" else path.suffix.lower()


def _from_path(path: Path) -> Iterator[Row]:
    for file in _files(path):
        kind = _kind(file)
        if kind == ".parquet":
            yield from _parquet(file)
        elif kind in _TABLES:
            yield from _table(file, _TABLES[kind])
        elif kind in _TEXTS:
            yield Row(str(file), 1, {"id": str(file), "text": _whole(file)})
        elif kind in _SUFFIXES:
            yield from _json_lines(file)
        else:
            raise UsageError(f"{str(file)!r} is of an unknown kind.", f"Known are {', '.join(sorted(_SUFFIXES))}.")


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb"))


def _json_lines(path: Path) -> Iterator[Row]:
    with _open(path) as lines:
        for number, raw in enumerate(lines, start=1):
            line = _decoded(raw, path, number)
            if line.strip():
                yield Row(str(path), number, _object(line, path, number))


def _decoded(raw: bytes, path: Path, number: int) -> str:
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        at = f"byte {error.start} is 0x{raw[error.start]:02x}"
        cure = "Save the file as UTF-8, or delete that row."
        raise UsageError(f"{path}, row {number} is not UTF-8: {at}.", cure) from None


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, row {number} is not JSON: {error}.", "Write one JSON object a line.") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}, row {number} is no JSON object: {line[:60]!r}.", "Write one JSON object a line.")
    return values


def _table(path: Path, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(_CSV_FIELD)
    with _open(path) as raw:
        lines = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
        reader = csv.DictReader(lines, delimiter=delimiter)
        number = 0
        try:
            for number, values in enumerate(reader, start=1):
                if None in values or None in values.values():
                    cure = "Quote what holds the separator, or mend the row."
                    raise UsageError(f"{path}, row {number} has not as many columns as the header.", cure)
                yield Row(str(path), number, values)
        except (UnicodeDecodeError, csv.Error) as error:
            cure = "Save the file as UTF-8, or mend that row."
            raise UsageError(f"{path}, row {number + 1} cannot be read: {error}.", cure) from None


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        batches = parquet.ParquetFile(path).iter_batches(batch_size=256)
        number = 0
        for batch in batches:
            for values in batch.to_pylist():
                number += 1
                yield Row(str(path), number, values)
    except (arrow.ArrowException, OSError) as error:
        raise UsageError(f"{path} cannot be read as Parquet: {error}.", "Write the file again.") from None


def _whole(path: Path) -> str:
    with _open(path) as raw:
        return _decoded(raw.read(), path, 1)


def _from_hub(source: str) -> Iterator[Row]:
    from datasets import load_dataset

    name, _, split = source.removeprefix(_HUB).partition("@")
    parts = name.split("/")
    subset = parts[2] if len(parts) > 2 else None
    try:
        found = load_dataset("/".join(parts[:2]), subset, split=split or "train", streaming=True)
        for number, values in enumerate(found, start=1):
            yield Row(source, number, dict(values))
    except (OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        cure = "Mend the name, or fetch it where the hub can be reached and name its files."
        raise NotFoundError(f"{source!r} cannot be had from the Hugging Face hub: {first}", cure) from error
