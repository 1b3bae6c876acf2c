"""Structured output: is it JSON that fits the schema, and are the fields' values right?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from eval.sample import Sample, Score
from eval.scorers.base import Floats, Metric, Need, Scorer, Tools, answers_of, mean
from eval.target import Output

_FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)


def parse_json(text: str, strict: bool = False) -> Any:
    """The JSON of an answer: the whole text, else (unless `strict`) what is in a fence or from the first bracket on.

    Raises `ValueError` where there is none.
    """
    candidates = [text]
    if not strict:
        candidates += _FENCE.findall(text)
        candidates += [text[match.start() :] for match in [re.search(r"[{\[]", text)] if match]
    for candidate in candidates:
        try:
            value, _ = json.JSONDecoder().raw_decode(candidate.strip())
        except ValueError:
            continue
        if not strict or json.JSONDecoder().raw_decode(candidate.strip())[1] == len(candidate.strip()):
            return value
    raise ValueError("no JSON in it")


@dataclass(frozen=True)
class JsonSchema(Scorer):
    """1 where the answer is JSON that fits `schema` (any JSON, without one)."""

    schema: dict[str, Any] = field(default_factory=dict)
    strict: bool = False

    name: ClassVar[str] = "json_schema"

    def __post_init__(self) -> None:
        from jsonschema import SchemaError
        from jsonschema.validators import validator_for

        try:
            validator_for(self.schema).check_schema(self.schema)
        except SchemaError as error:
            raise ValueError(f"its schema is none: {error.message}") from None

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """1.0, or 0.0 with the first thing that does not fit."""
        from jsonschema.validators import validator_for

        try:
            value = parse_json(output.text, self.strict)
        except ValueError as error:
            return Score(value=0.0, explanation=str(error))
        first = next(iter(validator_for(self.schema)(self.schema).iter_errors(value)), None)
        return Score(value=float(first is None), explanation=first.message if first else "")

    def metrics(self) -> tuple[Metric, ...]:
        """`json_valid`."""
        return (mean("json_valid"),)


@dataclass(frozen=True)
class JsonFields(Scorer):
    """F1 over all fields: a field is right where its path and its value are the target's (text without case)."""

    strict: bool = False

    name: ClassVar[str] = "json_fields"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})

    def check(self, sample: Sample) -> str:
        """Whether the target is JSON."""
        try:
            _fields(parse_json((answers_of(sample) or [""])[0]))
        except ValueError:
            return f"the target {str(sample.target)[:60]!r} is not JSON"
        return ""

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The F1 of this answer's fields; `right`, `given` and `wanted` in the metadata."""
        wanted = _fields(parse_json(answers_of(sample)[0]))
        try:
            given = _fields(parse_json(output.text, self.strict))
        except ValueError as error:
            return self.failure(sample).model_copy(update={"explanation": str(error)})
        right = len(given & wanted)
        value = 2 * right / (len(given) + len(wanted)) if given or wanted else 1.0
        return Score(value=value, metadata={"right": right, "given": len(given), "wanted": len(wanted)})

    def failure(self, sample: Sample) -> Score:
        """Every wanted field is missing."""
        wanted = _fields(parse_json(answers_of(sample)[0]))
        return Score(
            value=0.0, explanation="The target failed.", metadata={"right": 0, "given": 0, "wanted": len(wanted)}
        )

    def metrics(self) -> tuple[Metric, ...]:
        """`field_f1`, over the fields of all samples."""
        return (Metric("field_f1", _counts, _micro_f1),)


def _fields(value: Any, path: str = "") -> set[tuple[str, str]]:
    if isinstance(value, dict):
        return set().union(*(_fields(inner, f"{path}.{key}") for key, inner in value.items())) if value else set()
    if isinstance(value, list):
        return set().union(*(_fields(inner, f"{path}[]") for inner in value)) if value else set()
    plain = value.strip().casefold() if isinstance(value, str) else json.dumps(value)
    return {(path, plain)}


def _counts(scores: Any) -> Floats:
    keys = ("right", "given", "wanted")
    return np.array([[score.metadata[key] for key in keys] for score in scores], dtype=float).reshape(-1, 3)


def _micro_f1(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * sums[..., 0] / (sums[..., 1] + sums[..., 2]), dtype=float)
