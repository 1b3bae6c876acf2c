"""The samples of a suite: read from a file or the hub, mapped, filtered, drawn, and checked row by row."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import os
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eval.formats import FORMATS
from eval.sample import Sample, read_rows
from eval.suite import DatasetSpec
from eval.target import ASK
from graphs.errors import UsageError

Row = tuple[int, dict[str, Any]]
FIELDS = ("id", "input", "target", "contexts")


@dataclass(frozen=True)
class Dataset:
    """Samples that were checked, and where they came from."""

    samples: list[Sample]
    groups: list[str]
    """What each shares with others by chance; the sample's own id where nothing is named."""
    lines: dict[str, int]
    """Sample id → line or row in the source."""
    source: str
    file_sha256: str
    sources: dict[str, str] = field(default_factory=dict)
    """Sample id → its file, where that is another than `source`."""

    @property
    def sha256(self) -> str:
        """Hash of what is asked and what is expected, and of the groups."""
        digest = hashlib.sha256()
        for sample, group in zip(self.samples, self.groups, strict=True):
            digest.update(f"{sample_sha256(sample)} {group}\n".encode())
        return digest.hexdigest()

    def place(self, sample_id: str) -> str:
        """`FILE, line N` of a sample."""
        source = self.sources.get(sample_id, self.source)
        return f"{source}, line {self.lines[sample_id]}" if sample_id in self.lines else source


def sample_sha256(sample: Sample) -> str:
    """Hash of what is asked, how, and what is expected: equal samples can be compared, whatever else they have."""
    asked = sample.model_dump_json(exclude={"metadata"})
    if how := sample.metadata.get(ASK):
        asked += json.dumps(how, sort_keys=True)
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Places:
    """Where named data is: the folder of the suite, the documentation, the public data sets."""

    suite: Path
    docs: Path | None = None
    data: Path | None = None

    def find(self, path: str) -> Path:
        """The file a suite's `path` means. Raises `UsageError` with the cure where it is not there."""
        scheme, _, name = path.partition(":")
        if scheme == "docs" and name:
            return _inside(self.docs, name, path, "This installation has no documentation; reinstall it.")
        if scheme == "data" and name:
            folder = self.data or (Path(os.environ["CROSSROADS_DATA"]) if os.environ.get("CROSSROADS_DATA") else None)
            cure = f"Set CROSSROADS_DATA to the folder that holds {name}; it is not part of the repository."
            return _inside(folder, name, path, cure)
        for candidate in (self.suite.parent / path, Path(path).expanduser()):
            if candidate.exists():
                return candidate
        raise UsageError(f"The data {path!r} is not there.", f"Put it beside {str(self.suite)!r} or correct the path.")


def _inside(folder: Path | None, name: str, path: str, cure: str) -> Path:
    found = folder / name if folder else None
    if found is None or not found.exists():
        where = f" in {str(folder)!r}" if folder else ""
        raise UsageError(f"The data {path!r} is not there{where}.", cure)
    return found


def load_dataset(spec: DatasetSpec, places: Places, limit: int | None = None) -> Dataset:
    """Every sample the suite wants, at most `limit`. Raises `UsageError` naming the line and the cure."""
    if spec.path.startswith("mixed:"):
        from eval.mixed.routes import route_samples

        made = list(enumerate(route_samples(spec.path.removeprefix("mixed:")), start=1))
        return _checked(_drawn(made, spec.take, spec.seed)[: limit or None], spec, spec.path, "")
    rows, source, digest = _rows(spec, places)
    kept = [(line, row) for line, row in rows if _wanted(row, spec.where)]
    if not kept:
        cure = f"No row has {spec.where}." if spec.where else "Write at least one row."
        raise UsageError(f"{source} has no samples.", cure)
    made = _made(kept, spec, source)
    drawn = _drawn(made, spec.take, spec.seed)
    others = [load_dataset(DatasetSpec(path=path), places) for path in spec.also]
    total = len(drawn) + sum(len(other.samples) for other in others)
    share = Fraction(min(limit or total, total), total)
    found = _checked(drawn[: math.ceil(share * len(drawn))], spec, source, digest)
    return _with_others(found, others, share)


def _with_others(found: Dataset, others: list[Dataset], share: Fraction) -> Dataset:
    """The samples with such a share of those of the files beside. Raises `UsageError` for an id used twice."""
    for other in others:
        more = other.samples[: math.floor(share * len(other.samples))]
        if twice := next((sample.id for sample in other.samples if sample.id in found.lines), ""):
            message = f"{other.place(twice)}: the id {twice!r} was used in {found.place(twice)}."
            raise UsageError(message, "Give each row its own.")
        found = Dataset(
            [*found.samples, *more],
            [*found.groups, *(sample.id for sample in more)],
            found.lines | other.lines,
            found.source,
            hashlib.sha256(f"{found.file_sha256} {other.file_sha256}".encode()).hexdigest(),
            found.sources | {sample.id: other.source for sample in other.samples},
        )
    return found


def _checked(made: list[tuple[int, Sample]], spec: DatasetSpec, source: str, digest: str) -> Dataset:
    _check_ids(made, source)
    samples = [sample for _, sample in made]
    groups = [_group(sample, spec.group, source, line) for line, sample in made]
    return Dataset(samples, groups, {sample.id: line for line, sample in made}, source, digest)


def _rows(spec: DatasetSpec, places: Places) -> tuple[Iterable[Row], str, str]:
    if spec.path.startswith("hub:"):
        return _hub_rows(spec.path.removeprefix("hub:"), spec.split), spec.path, ""
    path = places.find(spec.path)
    if path.is_dir():
        raise UsageError(f"The data {spec.path!r} is a folder.", "Name a JSONL, CSV, TSV or Parquet file.")
    source = spec.path if ":" in spec.path else str(path)
    return _file_rows(path), source, hashlib.sha256(path.read_bytes()).hexdigest()


def _file_rows(path: Path) -> Iterator[Row]:
    name = path.name.removesuffix(".gz").lower()
    if name.endswith((".jsonl", ".ndjson")):
        return read_rows(path)
    if name.endswith((".csv", ".tsv", ".parquet")):
        return _table_rows(path, name)
    raise UsageError(f"{str(path)!r} is of a kind that cannot be read.", "Use .jsonl, .csv, .tsv or .parquet.")


def _table_rows(path: Path, name: str) -> Iterator[Row]:
    import pandas

    try:
        if name.endswith(".parquet"):
            table = pandas.read_parquet(path)
        else:
            separator = "\t" if name.endswith(".tsv") else ","
            table = pandas.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except ImportError:
        cure = "Install the extra: pip install 'crossroads-assistant[train]', or use JSONL."
        raise UsageError(f"{str(path)!r} needs pyarrow to be read.", cure) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(path)!r} cannot be read: {str(error).splitlines()[0]}.", "Mend the file.") from None
    first = 1 if name.endswith(".parquet") else 2
    for number, row in enumerate(table.to_dict(orient="records"), start=first):
        yield number, {key: value if key in FIELDS else _truth(value) for key, value in _plain_row(row)}


def _plain_row(row: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        yield str(key), _plain(value)


def _truth(value: Any) -> Any:
    """A cell that says true or false as that: the text "false" would count as true (in `answerable`, say)."""
    said = value.strip().lower() if isinstance(value, str) else ""
    return said == "true" if said in ("true", "false") else value


def _plain(value: Any) -> Any:
    """Numpy's scalars and arrays as Python's own; an empty cell and a not-a-number as nothing."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str) and value[:1] == "[" and value[-1:] == "]":
        return _list(value)
    return value


def _list(text: str) -> Any:
    """A list written in a cell, as JSON or as Python writes it."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return text


def _hub_rows(name: str, split: str) -> Iterator[Row]:
    try:
        from datasets import load_dataset as load
    except ImportError:
        cure = "Install the extra: pip install 'crossroads-assistant[train]', or export the rows as JSONL."
        raise UsageError(f"The data set {name!r} of the hub needs the package datasets.", cure) from None
    try:
        table = load(name, split=split or "test")
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        cure = "Check name, split and network, or name a local file."
        raise UsageError(f"The data set {name!r} cannot be had from the hub: {reason}.", cure) from None
    for number, row in enumerate(table, start=1):
        yield number, dict(row)


def _wanted(row: dict[str, Any], where: dict[str, Any]) -> bool:
    for key, value in where.items():
        found: Any = row
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found not in (value if isinstance(value, list) else [value]):
            return False
    return True


def _made(rows: list[Row], spec: DatasetSpec, source: str) -> list[tuple[int, Sample]]:
    if spec.format:
        if spec.format not in FORMATS:
            cure = f"There are: {', '.join(sorted(FORMATS))}."
            raise UsageError(f"There is no format {spec.format!r} of data.", cure)
        make: Callable[..., list[tuple[int, Sample]]] = FORMATS[spec.format]
        try:
            return make(rows, **spec.options)
        except (KeyError, TypeError) as error:
            cure = "Name the file this format is for."
            raise UsageError(f"{source} is not what the format {spec.format!r} reads: {error}.", cure) from None
    _check_columns(rows[0], spec.columns, source)
    return [(line, _sample(row, spec.columns, f"{source}, line {line}")) for line, row in rows]


def _check_columns(first: Row, columns: dict[str, str], source: str) -> None:
    line, row = first
    for name in columns:
        if name not in FIELDS:
            raise UsageError(f"columns: a sample has no field {name!r}.", f"Its fields: {', '.join(FIELDS)}.")
    for name in ("input", *columns):
        column = columns.get(name, name)
        if column not in row:
            cure = f"Its columns: {', '.join(row)}. Say which is which under dataset.columns, as `{name}: COLUMN`."
            raise UsageError(f"{source}, line {line}: there is no column {column!r}.", cure)


def _sample(row: dict[str, Any], columns: dict[str, str], place: str) -> Sample:
    values: dict[str, Any] = {field: row.get(columns.get(field, field)) for field in FIELDS}
    taken = set(columns.values()) | {field for field in FIELDS if field not in columns}
    rest = {key: value for key, value in row.items() if key not in taken and key != "metadata"}
    inner = row.get("metadata")
    values["metadata"] = {**rest, **(inner if isinstance(inner, dict) else {})}
    if isinstance(values["contexts"], str):
        values["contexts"] = [values["contexts"]]
    if isinstance(values["target"], int | float):
        target = values["target"]
        values["target"] = str(target).lower() if isinstance(target, bool) else str(target)
    values["id"] = str(values["id"]) if values["id"] is not None else place.rpartition(" ")[2]
    try:
        sample = Sample(**values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        cure = "A sample has `id`, `input` and, where known, `target`, `contexts` and `metadata`."
        raise UsageError(f"{place}: field {field!r}: {first['msg']}.", cure) from None
    if not sample.input.strip():
        raise UsageError(f"{place}: the input is empty.", "Write what is asked, or leave the row out.")
    return sample


def _drawn(made: list[tuple[int, Sample]], take: int | None, seed: int) -> list[tuple[int, Sample]]:
    if take is None or take >= len(made):
        return made
    chosen = sorted(random.Random(seed).sample(range(len(made)), take))  # noqa: S311 - a sample, no secret
    return [made[index] for index in chosen]


def _check_ids(made: list[tuple[int, Sample]], source: str) -> None:
    seen: dict[str, int] = {}
    for line, sample in made:
        if sample.id in seen:
            message = f"{source}, line {line}: the id {sample.id!r} was used in line {seen[sample.id]}."
            raise UsageError(message, "Give each row its own.")
        seen[sample.id] = line


def _group(sample: Sample, field: str, source: str, line: int) -> str:
    if not field:
        return sample.id
    found = sample.metadata.get(field, getattr(sample, field, None) if field in FIELDS else None)
    if found is None and field not in sample.metadata:
        there = ", ".join(sample.metadata) or "none"
        raise UsageError(f"{source}, line {line}: there is no field {field!r} to group by.", f"There are: {there}.")
    return str(found) if found not in (None, "") else sample.id
