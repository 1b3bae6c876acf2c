"""From grades to training rows in TRL's own formats: SFT, KTO, DPO. What was asked is asked again as it will be served.

A row is made once, however many graders said the same; rows whose question stands in an evaluation set are left out;
addresses, telephone numbers and the like are masked.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from assistant.grades.rubric import Rubric
from assistant.grades.store import Graded
from assistant.grades.types import Comparison, Grade
from graphs.answer import Answer
from graphs.errors import UsageError
from graphs.prompts import load_prompt, passages_message
from graphs.words import words

Format = Literal["sft", "kto", "dpo"]
GOOD, BAD = 0.8, 0.4
"""An answer is a good example from this share of the best possible scores on, and a bad one below the other."""
_MASKS = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (
        re.compile(r"(?<![\w.])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,5}\)[ .-]?)?\d{3,4}[ .-]\d{3,4}(?:[ .-]\d{2,4})?(?!\w)"),
        "[phone]",
    ),
    (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"), "[account]"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), "[address]"),
)


@dataclass
class Rows:
    """What came of the grades, and what did not with the reason."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    repeated: int = 0
    """Rows that were there already."""
    held_out: int = 0
    """Rows whose question stands in an evaluation set."""
    unused: int = 0
    """Grades that say nothing in this format: neither good nor bad, skipped, or without a better answer."""
    graders: set[str] = field(default_factory=set)

    @property
    def sha256(self) -> str:
        """The hash of the rows: equal grades give equal data."""
        return hashlib.sha256("".join(json.dumps(row, sort_keys=True) for row in self.rows).encode()).hexdigest()


def training_rows(
    wanted: str,
    graded: Sequence[Graded],
    compared: Sequence[tuple[Comparison, str, Answer, Answer]],
    rubric: Rubric,
    held_out: Iterable[str] = (),
) -> Rows:
    """The rows of one format. `held_out` are questions of evaluation sets. Raises `UsageError` for another format."""
    if wanted not in get_args(Format):
        raise UsageError(f"Grades are not exported as {wanted!r}.", f"Choose one of: {', '.join(get_args(Format))}.")
    maker = _Maker(wanted, rubric, held_out)
    for grade, logged in graded:
        maker.of_grade(grade, logged.answer, logged.question)
    for comparison, question, first, second in compared if wanted == "dpo" else ():
        maker.of_comparison(comparison, question, first, second)
    return maker.found


class _Maker:
    def __init__(self, wanted: str, rubric: Rubric, held_out: Iterable[str]) -> None:
        self._wanted, self._rubric = wanted, rubric
        self._held_out = {_key(question) for question in held_out}
        self._seen: set[str] = set()
        self.found = Rows()

    def of_grade(self, grade: Grade, answer: Answer, question: str) -> None:
        share = self._rubric.share(grade.scores) if grade.outcome == "graded" else 0.5
        better = grade.better_answer.strip()
        if grade.outcome != "graded":
            parts: list[dict[str, Any]] = []
        elif self._wanted == "sft":
            parts = _completion(better or (answer.text if share >= GOOD else ""))
        elif self._wanted == "kto":
            parts = [{**part, "label": True} for part in _completion(better)]
            if share >= GOOD or share < BAD:
                parts += [{**part, "label": share >= GOOD} for part in _completion(answer.text)]
        else:
            parts = _pair(better, answer.text) if better else []
        self._add(parts, grade.grader, answer, question)

    def of_comparison(self, comparison: Comparison, question: str, first: Answer, second: Answer) -> None:
        sides = {"first": (first, second), "second": (second, first)}.get(comparison.choice)
        parts = _pair(sides[0].text, sides[1].text) if sides else []
        self._add(parts, comparison.grader, first, question)

    def _add(self, parts: Sequence[dict[str, Any]], grader: str, answer: Answer, question: str) -> None:
        if not parts:
            self.found.unused += 1
        if parts and _key(question) in self._held_out:
            self.found.held_out += 1
            return
        for part in parts:
            row = _masked({"prompt": _prompt(answer, question), **part})
            key = json.dumps(row, sort_keys=True)
            if key in self._seen:
                self.found.repeated += 1
                continue
            self._seen.add(key)
            self.found.rows.append(row)
            self.found.graders.add(grader)


def _prompt(answer: Answer, question: str) -> list[dict[str, str]]:
    """The messages the model sees for this question: with its passages where the answer came from documents."""
    kept = [item.passage.text for item in answer.evidence if item.kept]
    system = load_prompt("passages" if kept else "direct")[0].split("\n### ")[0].strip()
    user = passages_message(answer.question or question, kept) if kept else question
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def _completion(text: str) -> list[dict[str, Any]]:
    return [{"completion": _said(text)}] if text.strip() else []


def _pair(chosen: str, rejected: str) -> list[dict[str, Any]]:
    same = _key(chosen) == _key(rejected)
    return [] if same else [{"chosen": _said(chosen), "rejected": _said(rejected)}]


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text.strip()}]


def _key(text: str) -> str:
    return " ".join(words(text))


def _masked(value: Any) -> Any:
    """The same value with everything that looks like a person's address or number replaced."""
    if isinstance(value, str):
        for pattern, instead in _MASKS:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, dict):
        return {key: _masked(part) for key, part in value.items()}
    return [_masked(part) for part in value] if isinstance(value, list) else value


def card(wanted: str, rows: Rows, rubric: Rubric) -> str:
    """A data card in Markdown: what these rows are, from whom, and what was left out."""
    return f"""---
license: other
task_categories: [text-generation]
---
# Grades as {wanted.upper()} data

{len(rows.rows)} rows from {len(rows.graders)} graders, sha256 {rows.sha256}.

- Rubric: {rubric.name}, sha256 {rubric.sha256}; good from {GOOD:.0%} of the best possible scores, bad below {BAD:.0%}.
- Left out: {rows.repeated} repeated, {rows.held_out} whose question stands in an evaluation set, {rows.unused} grades
  that say nothing in this format.
- E-mail addresses, telephone numbers, account numbers and network addresses are masked by pattern; names are not.
- The texts are the users' and the experts' own: their licence is yours to settle before you publish anything.
"""
