"""How far a judge agrees with people: pairs of answers with human preferences, each shown in both orders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.sample import Score, read_rows
from eval.scorers.base import mean
from eval.scorers.pairwise import ask_both_ways
from eval.statistics import interval
from graphs.errors import CrossroadsError, UsageError

Judge = Callable[[str], str]

RUBRIC = "Does what was asked, correctly and completely; neither length nor place matters."


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt, and that people chose the first."""

    id: str
    prompt: str
    chosen: str
    rejected: str
    source: str


def read_pairs(path: Path, split: str = "test", limit: int = 0) -> list[Pair]:
    """Pairs of a JSON Lines file (`prompt`, `chosen`, `rejected`, `source`, `split`), drawn evenly over the file."""
    pairs = [
        Pair(str(row.get("id", number)), row["prompt"], row["chosen"], row["rejected"], str(row.get("source", "")))
        for number, row in read_rows(path)
        if row.get("split", split) == split
    ]
    if not pairs:
        raise UsageError(f"{str(path)!r} has no pairs of the split {split!r}.", "Name the file of preference_judge.")
    ordered = sorted(pairs, key=lambda pair: hashlib.sha256(pair.id.encode()).hexdigest())
    return ordered[:limit] if limit else ordered


def judge_pair(judge: Judge, pair: Pair) -> Score:
    """Asks in both orders, as the scorer `pairwise` does. The value is 1 where both verdicts are the people's.

    The metadata has `points` (1, 0.5 for a tie or two verdicts that disagree, 0), `consistent` and `failed`: a judge
    that fails, or names neither answer, agrees with nobody.
    """
    try:
        points, agreed = ask_both_ways(judge, RUBRIC, pair.prompt, pair.chosen, pair.rejected)
    except CrossroadsError as error:
        about = {"points": 0.0, "consistent": 0.0, "failed": 1.0}
        return Score(value=0.0, explanation=error.message, metadata=about)
    about = {"points": points, "consistent": float(agreed), "failed": 0.0}
    return Score(value=float(points == 1.0), metadata=about)


METRICS = (
    mean("agreement", "points"),
    mean("agreement_in_both_orders"),
    mean("consistent", "consistent"),
    mean("failed", "failed", better="lower"),
)


def agreement(
    judge: Judge, pairs: Sequence[Pair], progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """The judge's agreement with people over pairs, with intervals, and by source."""
    scores = []
    for number, pair in enumerate(pairs, start=1):
        scores.append(judge_pair(judge, pair))
        if progress:
            progress(number, len(pairs))
    sources = {source: [n for n, pair in enumerate(pairs) if pair.source == source] for source in
               sorted({pair.source for pair in pairs})}  # fmt: skip
    by_source = {source: _figures([scores[n] for n in places])["agreement"] for source, places in sources.items()}
    return {
        "metrics": _figures(scores),
        "sources": by_source,
        "rubric": RUBRIC,
    }


def _figures(scores: Sequence[Score]) -> dict[str, Any]:
    found = {}
    for metric in METRICS:
        had = interval(metric, metric.parts(scores), [str(n) for n in range(len(scores))])
        if had is not None:
            found[metric.name] = {"value": had.value, "low": had.low, "high": had.high, "n": len(scores)}
    return found
