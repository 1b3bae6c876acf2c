"""From grades to training rows in TRL's own formats. What was asked is asked again as it will be served.

    sft       prompt, completion                answers graded well, and experts' better ones
    kto       prompt, completion, label         answers as good or bad
    dpo       prompt, chosen, rejected          an expert's better answer against the one given; a blind choice
    reward    prompt, chosen, rejected          as dpo, and good against bad answers to one question
    detector  response, source, label           what the grounding checker is trained on (`training/recipes/grounding`)
    retrieval question, passages, gold          what embeddings and rerankers are trained on, by the passages marked
    reader    question, context, answers …      what the reader is trained on, by the passages marked
    examples  input, output                     worked examples for few-shot prompts (`crossroads examples add`)

An answer several people graded counts once, by the weighted mean of what they gave; excluded graders are left out. A
row is made once, and one that says nearly the same as an earlier row is left out; so are rows whose question stands in
an evaluation set, or shares a long run of words with one there; personal data is masked. `Rows.sources` says of each
row which grades it comes from.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from assistant.grades.judged import BAD, GOOD, Judged, Sources, judged_answers
from assistant.grades.passages import SUPPORTED, detector_rows, kept_passages, reader_rows, retrieval_rows
from assistant.grades.rubric import Rubric
from assistant.grades.store import Graded
from assistant.grades.types import Comparison
from graphs.answer import Answer
from graphs.errors import UsageError
from graphs.prompts import load_prompt, passages_message
from graphs.words import words
from training.data.contamination import Contamination
from training.data.near import near_rows
from training.data.repair import mask_personal

Format = Literal["sft", "kto", "dpo", "reward", "detector", "retrieval", "reader", "examples"]
Compared = tuple[Comparison, str, Answer, Answer]
GIVEN = ("label", "source", "context", "passages", "gold", "is_impossible")
"""What of a row must be equal for two to be near duplicates; the numbers in them must be too."""
SAID = ("completion", "chosen", "rejected", "response", "output", "answers")
"""What of a row, with its question, must be nearly the same."""


@dataclass
class Rows:
    """What came of the grades, and what did not with the reason."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    sources: list[Sources] = field(default_factory=list)
    """For each row the grades (`answer_id`, `grader`, `version`) or the blind choice it was made of."""
    repeated: int = 0
    """Rows that were there already."""
    near: int = 0
    """Rows that say nearly the same as an earlier one."""
    marked: int = 0
    """Rows made of the passages graders marked as answering, or left unmarked beside those."""
    held_out: int = 0
    """Rows whose question stands in an evaluation set, or was kept for judging."""
    unused: int = 0
    """Grades that say nothing in this format: neither good nor bad, skipped, or without a better answer."""
    excluded: int = 0
    """Grades of graders whose weight is 0."""

    @property
    def graders(self) -> set[str]:
        """Whose grades are in the rows."""
        return {one["grader"] for sources in self.sources for one in sources}

    @property
    def sha256(self) -> str:
        """The hash of the rows: equal grades give equal data."""
        return hashlib.sha256("".join(json.dumps(row, sort_keys=True) for row in self.rows).encode()).hexdigest()


def training_rows(
    wanted: str,
    graded: Sequence[Graded],
    compared: Sequence[Compared],
    rubric: Rubric,
    held_out: Iterable[str] = (),
    weights: Mapping[str, float] | None = None,
) -> Rows:
    """The rows of one format. `held_out` are questions of evaluation sets; `weights` are of graders, 1 where absent.

    Raises `UsageError` for another format, or where the rubric does not ask what the format needs.
    """
    if wanted not in get_args(Format):
        raise UsageError(f"Grades are not exported as {wanted!r}.", f"Choose one of: {', '.join(get_args(Format))}.")
    if wanted == "detector" and SUPPORTED not in {one.name for one in rubric.criteria}:
        raise UsageError(f"The rubric {rubric.name!r} has no criterion {SUPPORTED!r}.", "Add it, then grade by it.")
    weights = weights or {}
    maker = _Maker(wanted, held_out)
    answers = judged_answers(graded, rubric, weights)
    maker.found.excluded = sum(weights.get(grade.grader, 1.0) == 0 for grade, _ in graded)
    maker.found.unused = sum(grade.outcome != "graded" and weights.get(grade.grader, 1.0) > 0 for grade, _ in graded)
    for answer in answers:
        maker.of_answer(answer)
    if wanted in ("dpo", "reward"):
        for comparison, question, first, second in compared:
            if weights.get(comparison.grader, 1.0) > 0:
                maker.of_comparison(comparison, question, first, second)
    if wanted == "reward":
        maker.of_contrasts(answers)
    return maker.finished()


class _Maker:
    def __init__(self, wanted: str, held_out: Iterable[str]) -> None:
        questions = list(held_out)
        self._wanted = wanted
        self._whole = {key_of(question) for question in questions}
        self._runs = Contamination.of(questions)
        self._seen: set[str] = set()
        self._said: list[tuple[Hashable, list[str]]] = []
        self.found = Rows()

    def finished(self) -> Rows:
        """What was found, near duplicates left out."""
        found, gone = self.found, near_rows(self._said)
        found.rows = [row for place, row in enumerate(found.rows) if place not in gone]
        found.sources = [one for place, one in enumerate(found.sources) if place not in gone]
        found.near = len(gone)
        found.marked = sum(row.pop("marked", False) for row in found.rows)
        return found

    def of_answer(self, judged: Judged) -> None:
        parts = getattr(self, f"_{self._wanted}")(judged)
        if not parts:
            self.found.unused += len(judged.grades)
        self._add(parts, judged.sources, judged.logged.question)

    def of_comparison(self, comparison: Comparison, question: str, first: Answer, second: Answer) -> None:
        sides = {"first": (first, second), "second": (second, first)}.get(comparison.choice)
        pairs = _pair(sides[0].text, sides[1].text) if sides else []
        self.found.unused += not pairs
        source = {"first": comparison.first, "second": comparison.second, "grader": comparison.grader}
        self._add([{"prompt": prompt_of(first, question), **pair} for pair in pairs], [source], question)

    def of_contrasts(self, answers: Sequence[Judged]) -> None:
        groups: dict[str, list[Judged]] = defaultdict(list)
        for one in answers:
            groups[key_of(one.logged.question)].append(one)
        for group in groups.values():
            for good in (one for one in group if one.share >= GOOD):
                for bad in (one for one in group if one.share < BAD):
                    prompt = prompt_of(good.logged.answer, good.logged.question)
                    rows = [{"prompt": prompt, **p} for p in _pair(good.logged.answer.text, bad.logged.answer.text)]
                    self._add(rows, [*good.sources, *bad.sources], good.logged.question)

    def _sft(self, judged: Judged) -> list[dict[str, Any]]:
        better = [grade.better_answer for grade in judged.better()]
        texts = better or ([judged.logged.answer.text] if judged.share >= GOOD else [])
        return [{"prompt": _prompt(judged), **part} for text in texts for part in _completion(text)]

    def _kto(self, judged: Judged) -> list[dict[str, Any]]:
        said = [(grade.better_answer, True) for grade in judged.better()]
        if judged.share >= GOOD or judged.share < BAD:
            said.append((judged.logged.answer.text, judged.share >= GOOD))
        return [
            {"prompt": _prompt(judged), **part, "label": label} for text, label in said for part in _completion(text)
        ]

    def _dpo(self, judged: Judged) -> list[dict[str, Any]]:
        pairs = [pair for grade in judged.better() for pair in _pair(grade.better_answer, judged.logged.answer.text)]
        return [{"prompt": _prompt(judged), **pair} for pair in pairs]

    _reward = _dpo

    def _detector(self, judged: Judged) -> list[dict[str, Any]]:
        return detector_rows(judged)

    def _retrieval(self, judged: Judged) -> list[dict[str, Any]]:
        return retrieval_rows(judged)

    def _reader(self, judged: Judged) -> list[dict[str, Any]]:
        return reader_rows(judged)

    def _examples(self, judged: Judged) -> list[dict[str, Any]]:
        answer = judged.logged.answer
        if answer.abstained or answer.citations or answer.task:
            return []  # what stands in a document stays there, and a task has examples of its own
        better = [grade.better_answer.strip() for grade in judged.better()]
        texts = better or ([answer.text] if judged.share >= GOOD else [])
        return [{"task": "answer", "input": judged.logged.question, "output": text} for text in texts if text]

    def _add(self, rows: Sequence[dict[str, Any]], sources: Sources, question: str) -> None:
        if rows and (key_of(question) in self._whole or self._runs.found_in([question])):
            self.found.held_out += 1
            return
        for row in map(_masked, rows):
            key = json.dumps(row, sort_keys=True).casefold()
            if key in self._seen:
                self.found.repeated += 1
                continue
            self._seen.add(key)
            self.found.rows.append(row)
            self.found.sources.append(sources)
            self._said.append(_said_in(row, question))


def _said_in(row: dict[str, Any], question: str) -> tuple[Hashable, list[str]]:
    """What must be equal, and the words, each with the field it stands in: a pair turned round is another pair."""
    given = {name: row[name] for name in GIVEN if name in row}
    told = {"question": question, **{name: _text(row[name]) for name in SAID if name in row}}
    numbers = sorted(number for text in told.values() for number in re.findall(r"\d+", text))
    return json.dumps([given, numbers]), [f"{name}:{word}" for name, text in told.items() for word in words(text)]


def _text(value: Any) -> str:
    """The words of a text, of messages, or of several."""
    if isinstance(value, dict):
        return str(value["content"])
    return "\n".join(map(_text, value)) if isinstance(value, list) else str(value)


def prompt_of(answer: Answer, question: str) -> list[dict[str, str]]:
    """The messages the model sees for this question: with its passages where the answer came from documents."""
    kept = kept_passages(answer)
    system = load_prompt("passages" if kept else "direct")[0].split("\n### ")[0].strip()
    user = passages_message(answer.question or question, kept) if kept else question
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def key_of(text: str) -> str:
    """What texts share that differ in case, space and marks alone."""
    return " ".join(words(text))


def _prompt(judged: Judged) -> list[dict[str, str]]:
    return prompt_of(judged.logged.answer, judged.logged.question)


def _completion(text: str) -> list[dict[str, Any]]:
    return [{"completion": _said(text)}] if text.strip() else []


def _pair(chosen: str, rejected: str) -> list[dict[str, Any]]:
    usable = chosen.strip() and rejected.strip() and key_of(chosen) != key_of(rejected)
    return [{"chosen": _said(chosen), "rejected": _said(rejected)}] if usable else []


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text.strip()}]


def _masked(value: Any) -> Any:
    """The same value with everything that looks like a person's address or number replaced."""
    if isinstance(value, str):
        return mask_personal(value)[0]
    if isinstance(value, dict):
        return {key: _masked(part) for key, part in value.items()}
    return [_masked(part) for part in value] if isinstance(value, list) else value


def card(wanted: str, rows: Rows, rubric: Rubric) -> str:
    """A data card in Markdown: what these rows are, from whom, and what was left out."""
    return f"""---
license: other
task_categories: [text-generation]
---
# Grades as {wanted} data

{len(rows.rows)} rows from {len(rows.graders)} graders, sha256 {rows.sha256}.

- Rubric: {rubric.name}, sha256 {rubric.sha256}; good from {GOOD:.0%} of the best possible scores, bad below {BAD:.0%}.
  An answer several people graded counts by the weighted mean of what they gave.
- Passages graders marked as answering, or left unmarked beside those, made {rows.marked} of the rows.
- Left out: {rows.repeated} repeated, {rows.near} nearly the same as another, {rows.held_out} whose question stands in
  an evaluation set or was kept for judging, {rows.unused} grades that say nothing in this format, {rows.excluded} of
  graders who are excluded.
- E-mail addresses, telephone, bank and card numbers and public network addresses are masked by pattern; names are not.
- The texts are the users' and the experts' own: their licence is yours to settle before you publish anything.
"""
