"""A suite in YAML: which samples, which target, which scorers, which bars. All of it is checked before it runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from eval.scorers import make_scorer
from eval.scorers.base import Metric, Scorer
from eval.target import TargetSpec
from graphs.errors import UsageError

SHIPPED = Path(__file__).resolve().parent / "suites"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetSpec(_Section):
    """Where the samples are. Written as text alone, it is the `path`."""

    path: str
    """A JSONL, CSV, TSV or Parquet file, beside the suite or here; `docs:FILE` in the assistant's documentation,
    `data:FILE` in the folder CROSSROADS_DATA names, `hub:OWNER/NAME` a data set of the Hugging Face hub,
    `mixed:dev` requests of every sort with the paths that fit them."""
    split: str = ""
    """Of a data set of the hub."""
    columns: dict[str, str] = {}
    """Field of a sample (`id`, `input`, `target`, `contexts`) → the file's column, such as `target: answers`."""
    where: dict[str, Any] = {}
    """Column → the value rows must have, or a list of values."""
    take: int | None = Field(default=None, ge=1)
    """At most this many, drawn with `seed`."""
    seed: int = 0
    group: str = ""
    """Column (or field of `metadata`) that names what rows share, such as the document they are about."""
    also: list[str] = []
    """Further files of rows, all of them asked beside those of `path`, each a group of its own. What is said above of
    columns and of which rows are taken holds for `path` alone."""
    options: dict[str, Any] = {}
    """For `format` alone."""
    format: str = ""
    """A named way to turn raw rows into samples, for data sets that no mapping of columns can read."""


class Threshold(_Section):
    """The bar of one metric. A bare number is a `min`."""

    min: float | None = None
    max: float | None = None
    may_drop: float = Field(default=0.0, ge=0)
    """How much worse than a baseline is tolerated: only a drop shown to be larger fails."""


class GateSpec(_Section):
    """When there is a verdict at all, and how sure a regression must be."""

    min_samples: int = Field(default=20, ge=1)
    max_failed: float = Field(default=0.1, ge=0, le=1)
    """Share of samples that may fail; beyond it there is no verdict."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Chance of failing a target that did not change, over all metrics together."""
    prompts: bool = False
    """Whether there is a verdict only where every prompt that changed since the baseline was used by enough samples."""


class Suite(_Section):
    """What is measured, on what, and what is good enough."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    description: str = ""
    dataset: DatasetSpec
    target: TargetSpec = TargetSpec()
    scorers: list[dict[str, dict[str, Any]]] = Field(min_length=1)
    """Each a name, or a name with options."""
    thresholds: dict[str, Threshold] = {}
    watch: list[str] | None = None
    """Metrics that may not get worse than a baseline's; None watches every metric that has a direction."""
    slices: list[str] = []
    """Fields of `metadata` whose values are also reported one by one."""
    repeats: int = Field(default=1, ge=1)
    """How often each sample is asked, with another seed each time."""
    seed: int = 0
    timeout: float = Field(default=120.0, gt=0)
    """Seconds one sample may take before it counts as failed."""
    gate: GateSpec = GateSpec()

    @field_validator("dataset", mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @field_validator("target", mode="before")
    @classmethod
    def _kind_alone(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @field_validator("scorers", mode="before")
    @classmethod
    def _names_alone(cls, value: Any) -> Any:
        return [_scorer_entry(item) for item in value] if isinstance(value, list) else value

    @field_validator("thresholds", mode="before")
    @classmethod
    def _minimum_alone(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: {"min": bar} if isinstance(bar, int | float) else bar for name, bar in value.items()}

    @model_validator(mode="after")
    def _metrics_exist(self) -> Suite:
        known = {metric.name for metric in self.metrics()}
        for where, names in (("thresholds", self.thresholds), ("watch", self.watch or [])):
            for name in names:
                if name not in known:
                    raise ValueError(f"{where}: no scorer of this suite gives {name!r}{_near(name, known)}")
        return self

    def made_scorers(self) -> list[Scorer]:
        """The scorers with their options. Raises `UsageError` naming an unknown scorer or option."""
        return [make_scorer(name, options) for entry in self.scorers for name, options in entry.items()]

    def metrics(self) -> list[Metric]:
        """Every metric its scorers give."""
        return [metric for scorer in self.made_scorers() for metric in scorer.metrics()]


def find_suite(name: str) -> Path:
    """The file of a suite: a path, or the name of a shipped one. Raises `UsageError` naming those there are."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    shipped = SHIPPED / f"{name}.yaml"
    if shipped.is_file():
        return shipped
    names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
    raise UsageError(f"There is no suite {name!r}.", f"Name a YAML file, or one of: {names}.")


def find_shipped(name: str) -> Path:
    """The file of a shipped suite by its name alone, for whoever may not name files. Raises `UsageError`."""
    known = {file.stem: file for file in SHIPPED.glob("*.yaml")}
    if name not in known:
        raise UsageError(f"There is no suite {name!r}.", f"Name one of: {', '.join(sorted(known))}.")
    return known[name]


@contextmanager
def told_at(path: Path, *keys: str) -> Iterator[None]:
    """Put the line of a suite's file before what is wrong with what that line names, where no line is told yet."""
    try:
        yield
    except UsageError as error:
        if ", line " in error.message or not path.is_file():
            raise
        line = _line_of(path.read_text(encoding="utf-8"), [*keys, *_quoted(error.message)])
        raise UsageError(f"{path}, line {line}: {error.message}", error.cure) from None


def load_suite(path: Path) -> Suite:
    """The suite in a file. Raises `UsageError` naming the line and the cure."""
    try:
        text = path.read_text(encoding="utf-8")
        found = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The suite {str(path)!r} cannot be read: {error}.", "Name a YAML file in UTF-8.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or "it is not YAML"
        raise UsageError(f"{path}{line}: {what}.", "Mend the YAML; `crossroads eval new` writes a suite.") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path} is no suite.", "A suite has `name`, `dataset` and `scorers`.")
    return _checked(found, text, path)


def suite_of(definition: dict[str, Any], run: str) -> Suite:
    """The suite a run's record holds. Raises `UsageError` where it holds none that can be used here."""
    if "compare" in definition:
        cure = "Run a suite with `crossroads eval run`; the comparison's own table judges its paths."
        raise UsageError(f"The run {run!r} is a path of a comparison, not of a suite.", cure)
    try:
        return Suite(**definition)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"The suite of the run {run!r}: {where}: {first['msg']}.", "Run its suite again.") from None


def _checked(found: dict[str, Any], text: str, path: Path) -> Suite:
    try:
        return Suite(**found)
    except ValidationError as error:
        first = error.errors()[0]
        keys = [part for part in first["loc"] if isinstance(part, str | int)]
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"unknown key {keys[-1]!r}{_near(str(keys[-1]), _fields(keys[:-1]))}"
        elif first["type"] == "missing":
            message = f"{'.'.join(map(str, keys))!r} is missing"
        else:
            message = f"{'.'.join(map(str, keys)) or 'the suite'}: {message}"
        line = _line_of(text, [*keys, *_quoted(message)])
        raise UsageError(f"{path}, line {line}: {message}.", "See docs/guide/evaluating.md for every key.") from None
    except UsageError as error:
        line = _line_of(text, ["scorers", *_quoted(error.message)])
        raise UsageError(f"{path}, line {line}: {error.message}", error.cure) from None


def _quoted(message: str) -> list[str]:
    parts = message.split("'")
    return parts[1:2]


def _line_of(text: str, keys: list[Any]) -> int:
    """The line where the last of the keys that can be found stands; 1 where none can."""
    line, at = 1, 0
    lines = text.split("\n")
    for key in keys:
        for number in range(at, len(lines)):
            content = lines[number].split("#")[0]
            if str(key) in content.replace(":", " ").replace(",", " ").replace("[", " ").replace("]", " ").split():
                line, at = number + 1, number
                break
    return line


def _fields(keys: list[Any]) -> list[str]:
    model: Any = Suite
    for key in keys:
        field = model.model_fields.get(key) if isinstance(key, str) and hasattr(model, "model_fields") else None
        kinds = {"dataset": DatasetSpec, "target": TargetSpec, "gate": GateSpec, "thresholds": Threshold}
        model = kinds.get(str(key), model) if field is not None else model
    return list(model.model_fields)


def _scorer_entry(item: Any) -> Any:
    if isinstance(item, str):
        return {item: {}}
    if isinstance(item, dict):
        return {name: options or {} for name, options in item.items()}
    return item


def _near(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    there = ", ".join(sorted(known))
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {there}"
