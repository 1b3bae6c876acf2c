"""From grades to what is learnt and what is judged by: rows, the way of training they allow, held-out questions."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from assistant.grades.datasets import keep
from assistant.grades.grading import Grading, questions_of
from assistant.grades.judged import GOOD, Judged
from assistant.grades.rows import Rows, key_of, prompt_of
from graphs.errors import UsageError
from training.registry import write_whole

STAGES = ("dpo", "kto", "sft")
"""The ways of training, the one that learns most from the same grades first."""
LEAST = 20
"""Rows a way of training needs."""
_LEAST_OF_KIND = 5
LEAST_HELD_OUT = 10
"""Held-out questions with a right answer that a verdict needs."""
RECIPES = {"dpo": "dpo-from-grades", "kto": "kto", "sft": "style"}


def is_held_out(question: str, share: float) -> bool:
    """Whether a question is never trained on: decided by its words alone, so that it is so in every cycle."""
    digest = hashlib.sha256(f"held out\n{key_of(question)}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48 < share


def choose_data(
    grading: Grading, home: Path, folder: Path, share: float, stage: str, without: list[str]
) -> dict[str, Any]:
    """Keep the rows to train on as a data set and the held-out questions as a file; what was chosen and why.

    Raises `UsageError` where the grades hold too little for any way of training, or for the one that was asked for.
    """
    judged = grading.judged()
    held = [one for one in judged if is_held_out(one.logged.question, share)]
    outside = [question for file in without for question in questions_of(Path(file))]
    closed = [*outside, *(one.logged.question for one in held)]
    chosen, rows = _stage(grading, closed, stage)
    samples = held_out_samples(held)
    if len(samples) < LEAST_HELD_OUT:
        cure = "Grade more answers, well or with a better one, or raise improve.held_out."
        raise UsageError(
            f"Only {len(samples)} held-out questions have a right answer; {LEAST_HELD_OUT} are needed.", cure
        )
    kept = keep(home, chosen, rows, grading.card(chosen, rows))
    file = folder / "held-out.jsonl"
    write_whole(file, "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples))
    text = f"{len(rows.rows)} rows for {chosen.upper()} from {len(rows.graders)} graders, {len(samples)} held out"
    found = {"stage": chosen, "dataset": kept.folder.name, "sha256": kept.record["sha256"], "rows": len(rows.rows)}
    return {**found, "graders": sorted(rows.graders), "held_out": len(samples), "text": text}


def held_out_samples(held: list[Judged]) -> list[dict[str, Any]]:
    """A sample for each held-out question with a right answer: what an expert wrote, else an answer graded well."""
    samples: dict[str, dict[str, Any]] = {}
    for one in held:
        right = [grade.better_answer.strip() for grade in one.better()]
        right = right or ([one.logged.answer.text] if one.share >= GOOD else [])
        if not right:
            continue
        key = hashlib.sha256(key_of(one.logged.question).encode()).hexdigest()[:16]
        messages = prompt_of(one.logged.answer, one.logged.question)
        made = {"id": key, "input": one.logged.question, "target": [], "metadata": {"messages": messages}}
        sample = samples.setdefault(key, made)
        sample["target"] += [text for text in right if text not in sample["target"]]
        if one.better():
            sample["metadata"].setdefault("corrected", []).append(one.logged.answer.text)
    return list(samples.values())


def _stage(grading: Grading, closed: list[str], wanted: str) -> tuple[str, Rows]:
    """The first way of training the grades hold enough for."""
    told = []
    for stage in STAGES if wanted == "auto" else (wanted,):
        rows = grading.rows(stage, closed)
        if not (why := _too_little(stage, rows)):
            return stage, rows
        told.append(f"{stage}: {why}")
    cure = "Grade more, write better answers (b) or compare pairs; `crossroads grades next` says which."
    raise UsageError(f"The grades hold too little to train on ({'; '.join(told)}).", cure)


def _too_little(stage: str, rows: Rows) -> str:
    if len(rows.rows) < LEAST:
        return f"{len(rows.rows)} rows of {LEAST}"
    if stage == "kto":
        good = sum(row["label"] for row in rows.rows)
        fewest = min(good, len(rows.rows) - good)
        if fewest < _LEAST_OF_KIND:
            return f"only {fewest} of one kind, {_LEAST_OF_KIND} are needed"
    return ""
