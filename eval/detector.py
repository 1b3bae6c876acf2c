"""How good a grounding checker is as a detector of unsupported text: balanced accuracy, AUC and calibration error.

detect_train       BEGIN, WiCE and ExpertQA with human labels; the part whose sources the shipped weights never saw
summedits          summaries with edits that keep or break their consistency (Laban et al. 2023), that part too
halueval_general   answers with human labels but without evidence (Li et al. 2023): the prompt stands in for it
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.public_data import data_file
from eval.sample import Sample, Score, read_rows
from eval.scorers.base import Floats, Metric, Tools
from eval.scorers.detection import Detection
from eval.squad import auc
from eval.statistics import interval
from eval.target import Output
from graphs.context import Checker
from graphs.errors import UsageError

SETS = ("detect_train", "summedits", "halueval_general")
HELD_OUT = 0.3
"""Share of the sources that `training/recipes/grounding.yaml` keeps from the weights."""


@dataclass(frozen=True)
class Labelled:
    """A text with its evidence, and whether people found it supported."""

    text: str
    evidence: str
    supported: bool
    part: str
    """The set it comes from within its file, or its domain."""


def held_out(evidence: str, share: float = HELD_OUT) -> bool:
    """Whether a source belongs to the part that the shipped weights never saw: decided by its hash."""
    return int(hashlib.sha256(evidence.encode()).hexdigest()[:8], 16) / 16**8 < share


def labelled_rows(name: str, limit: int = 0) -> list[Labelled]:
    """The rows of one of `SETS` that the shipped weights never saw. Raises `UsageError`, `NotFoundError`."""
    if name not in SETS:
        raise UsageError(f"There is no set {name!r} of labelled texts.", f"Choose from {', '.join(SETS)}.")
    found = []
    for _, row in read_rows(data_file(name)):
        evidence = str(row["source"]).strip() or str(row["prompt"])
        unseen = not str(row["source"]).strip() or held_out(str(row["source"]))
        if unseen and str(row["response"]).strip():
            part = str(row.get("dataset") or row.get("domain") or name)
            found.append(Labelled(str(row["response"]), evidence, str(row["label"]) == "0", part))
    return found[:limit] if limit else found


def detect(
    checker: Checker, rows: Sequence[Labelled], progress: Callable[[int, int], None] | None = None
) -> list[Score]:
    """What the scorer `detection` thinks of the checker on every text."""
    scorer, scores = Detection(), []
    for number, row in enumerate(rows, start=1):
        sample = Sample(id=str(number), input=row.text, metadata={"label": int(not row.supported)})
        scores.append(scorer.score(sample, Output(grounding=checker.check(row.text, [row.evidence])), Tools()))
        if progress and (number % 200 == 0 or number == len(rows)):
            progress(number, len(rows))
    return scores


def quality(rows: Sequence[Labelled], scores: Sequence[Score]) -> dict[str, Any]:
    """The metrics over all rows and by `part`; texts on one source are drawn together for the intervals."""
    parts = {part: [n for n, row in enumerate(rows) if row.part == part] for part in sorted({row.part for row in rows})}
    by_part = {part: _metrics([rows[n] for n in here], [scores[n] for n in here]) for part, here in parts.items()}
    return {"metrics": _metrics(rows, scores), "parts": by_part if len(by_part) > 1 else {}}


def _metrics(rows: Sequence[Labelled], scores: Sequence[Score]) -> dict[str, Any]:
    groups = [hashlib.sha256(row.evidence.encode()).hexdigest() for row in rows]
    found: dict[str, Any] = {}
    for metric in (*Detection().metrics(), SUPPORTED_KEPT, UNSUPPORTED_FOUND):
        had = interval(metric, metric.parts(scores), groups)
        if had is not None:
            found[metric.name] = {"value": had.value, "low": had.low, "high": had.high, "n": len(rows)}
    chances = [(float(score.metadata["chance"]), row.supported) for score, row in zip(scores, rows, strict=True)]
    area = auc([chance for chance, right in chances if right], [chance for chance, right in chances if not right])
    if area == area:  # nan where one kind is missing
        found["auc"] = {"value": area, "low": None, "high": None, "n": len(rows)}
    return found


def _of_kind(supported: bool) -> Callable[[Sequence[Score]], Floats]:
    def parts(scores: Sequence[Score]) -> Floats:
        chosen = [score.metadata["supported"] == supported for score in scores]
        return np.array([[score.value * mine, mine] for score, mine in zip(scores, chosen, strict=True)], dtype=float)

    return parts


def _share(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1], dtype=float)


SUPPORTED_KEPT = Metric("supported_kept", _of_kind(True), _share)
UNSUPPORTED_FOUND = Metric("unsupported_found", _of_kind(False), _share)
