"""Scorers by name. Each is one small file; what it imports beyond the standard library it imports when it is used."""

from __future__ import annotations

import difflib
import typing
from dataclasses import fields
from importlib import import_module
from typing import Any

from eval.scorers.base import Scorer
from graphs.errors import UsageError

SCORERS: dict[str, str] = {
    "answerability": "answerability:Answerability",
    "bleu": "bleu:Bleu",
    "chrf": "chrf:Chrf",
    "citations": "citations:Citations",
    "classification": "classification:Classification",
    "detection": "detection:Detection",
    "draft": "draft:Draft",
    "exact_match": "exact_match:ExactMatch",
    "f1": "token_f1:TokenF1",
    "grounding": "grounding:GroundingScorer",
    "hallucination": "hallucination:Hallucination",
    "injection": "injection:Injection",
    "json_fields": "json_output:JsonFields",
    "json_schema": "json_output:JsonSchema",
    "judge": "judge:Judge",
    "nearer": "nearer:Nearer",
    "numeric": "numeric:Numeric",
    "own_words": "own_words:OwnWords",
    "pairwise": "pairwise:Pairwise",
    "ragas": "ragas:Ragas",
    "ragas_judged": "ragas:RagasJudged",
    "retrieval": "retrieval:Retrieval",
    "rouge": "rouge:Rouge",
    "similarity": "similarity:Similarity",
}
"""Name in a suite → file and class below this folder."""


def scorer_class(name: str) -> type[Scorer]:
    """The class of a scorer. Raises `UsageError` naming those there are."""
    if name not in SCORERS:
        near = difflib.get_close_matches(name, SCORERS, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"There is no scorer {name!r}.", f"{hint}There are: {', '.join(sorted(SCORERS))}.")
    module, _, kind = SCORERS[name].partition(":")
    found: type[Scorer] = getattr(import_module(f"eval.scorers.{module}"), kind)
    return found


def make_scorer(name: str, options: dict[str, Any]) -> Scorer:
    """A scorer with its options. Raises `UsageError` naming an option that is unknown or of the wrong kind."""
    kind = scorer_class(name)
    known = {field.name: field for field in fields(kind)}
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in options.items():
        if key not in known:
            there = ", ".join(known) or "none"
            raise UsageError(f"The scorer {name!r} has no option {key!r}.", f"Its options: {there}.")
        values[key] = _typed(name, key, value, hints[key])
    _check_packages(name, kind)
    try:
        return kind(**values)
    except ValueError as error:
        raise UsageError(f"The scorer {name!r} cannot be had so: {error}.", "Mend its options.") from None


def _check_packages(name: str, kind: type[Scorer]) -> None:
    from importlib.util import find_spec

    for package in kind.requires:
        if find_spec(package) is None:
            cure = "Install the extra: pip install 'crossroads-assistant[eval]'."
            raise UsageError(f"The scorer {name!r} needs the package {package!r}, which is not installed.", cure)


def _typed(name: str, key: str, value: Any, wanted: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(wanted).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise UsageError(f"The scorer {name!r}: option {key!r} cannot be {value!r}.", f"{reason}.") from None
