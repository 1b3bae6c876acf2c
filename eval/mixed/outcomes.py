"""Run every path over a set and keep what came of it: one line for each row and path. Continues where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from eval.mixed.judge import bluffed, right
from eval.sample import Sample
from graphs.answer import Answer, Record
from graphs.errors import CrossroadsError

Ask = Callable[[Sample, str], Answer]
"""Answers a sample on a path (or `auto`)."""


class Outcome(Record):
    """What one path made of one request."""

    id: str
    kind: str
    asked: str
    """The path asked for, or `auto`."""
    path: str
    """The path taken."""
    right: bool
    bluffed: bool
    seconds: float
    cost_usd: float = 0.0
    question: str = ""
    stood: bool | None = None
    """Whether the model's own words stood, in an answer from documents; None where there is none."""
    error: str = ""
    """A failed turn counts as wrong."""


def collect(samples: Sequence[Sample], paths: Sequence[str], ask: Ask, out: Path, tell: Callable[[str], None]) -> int:
    """Ask what `out` does not hold yet, row by row, and append it; how many were asked."""
    done = {(outcome.id, outcome.asked) for outcome in read_outcomes(out)}
    waiting = [(sample, path) for sample in samples for path in paths if (sample.id, path) not in done]
    out.parent.mkdir(parents=True, exist_ok=True)
    whole = not out.is_file() or out.read_bytes()[-1:] in (b"", b"\n")
    with out.open("a", encoding="utf-8") as file:
        file.write("" if whole else "\n")  # a killed run may have left half a line
        for number, (sample, path) in enumerate(waiting, 1):
            file.write(_outcome(sample, path, ask).model_dump_json() + "\n")
            file.flush()
            tell(f"{number}/{len(waiting)} {sample.id} {path}")
    return len(waiting)


def _outcome(sample: Sample, path: str, ask: Ask) -> Outcome:
    began = time.perf_counter()
    fields = {"id": sample.id, "kind": sample.metadata["kind"], "asked": path, "question": sample.input}
    try:
        answer = ask(sample, path)
    except CrossroadsError as error:
        taken = time.perf_counter() - began
        return Outcome(**fields, path="", right=False, bluffed=False, seconds=taken, error=error.message)
    return Outcome(
        **fields,
        path=answer.route.path,
        right=right(sample, answer),
        bluffed=bluffed(sample, answer),
        seconds=round(time.perf_counter() - began, 4),
        cost_usd=answer.usage.cost_usd,
        stood=None if answer.abstained or answer.route.path not in ("rag", "tuned_rag") else not answer.quoted,
    )


def read_outcomes(*files: Path) -> list[Outcome]:
    """The outcomes of files, those that are there; a half-written last line is left out."""
    found = []
    for file in files:
        if file.is_file():
            for line in file.read_text(encoding="utf-8").splitlines():
                try:
                    found.append(Outcome(**json.loads(line)))
                except ValueError:
                    continue
    return found


def by_row(outcomes: Iterable[Outcome]) -> dict[str, dict[str, Outcome]]:
    """Row id → path asked for → outcome."""
    rows: dict[str, dict[str, Outcome]] = {}
    for outcome in outcomes:
        rows.setdefault(outcome.id, {})[outcome.asked] = outcome
    return rows
