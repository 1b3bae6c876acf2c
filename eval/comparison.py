"""Which path is best for a data set: every path on the same questions, paired, with what each costs and needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eval.path_facts import FACTS, MONTHLY, PathFacts
from eval.record import SampleRecord
from eval.sample import Score
from eval.scorers.base import Floats, Metric, Scorer, mean, ratio
from eval.scorers.said import abstained
from eval.statistics import compare, holm, interval

QUALITY = mean("quality")
ANSWERABLE = mean("quality_answerable", "answerable")
REFUSED = mean("refused", "refused")
HALLUCINATED = mean("hallucinated_answers", "hallucinated", better="lower")
SENTENCES = ratio("hallucinated_sentences", "wrong", "sentences", better="lower")
METRICS: tuple[Metric, ...] = (QUALITY, ANSWERABLE, REFUSED, HALLUCINATED, SENTENCES)
_LEVEL = 0.05


@dataclass(frozen=True)
class PathRun:
    """What one path gave for every sample, judged."""

    path: str
    records: list[SampleRecord]
    scores: list[Score]
    """From `judged`, in the records' order."""


@dataclass(frozen=True)
class Comparison:
    """The table of paths, and what follows from it."""

    rows: list[dict[str, Any]]
    missing: dict[str, str]
    recommendation: str
    why: list[str]
    changes: list[str] = field(default_factory=list)
    """What would change the recommendation."""


def answerable(record: SampleRecord) -> bool:
    """Whether the data set has an answer to the question."""
    metadata = record.sample.metadata
    return metadata.get("answerable", not metadata.get("is_impossible", record.sample.target is None)) is True


def judged(record: SampleRecord, scorer: Scorer, tools: Any, wrong: int, sentences: int) -> Score:
    """One answer judged: by the scorer where there is an answer, by whether it was refused where there is none.

    `wrong` of its `sentences` are not supported. A failure is of no quality, and as bad as a hallucination.
    """
    output, known = record.output, answerable(record)
    refused = float(abstained(output)) if not output.failed else 0.0
    if output.failed:
        value, wrong, sentences = 0.0, 1, 1
    else:
        value = scorer.score(record.sample, output, tools).value if known else refused
    kind: dict[str, Any] = {"answerable": value} if known else {"refused": refused}
    counts = {"wrong": wrong, "sentences": sentences, "hallucinated": float(wrong > 0)}
    return Score(value=value, metadata={**kind, **counts})


def build(runs: Sequence[PathRun], missing: dict[str, str], usd_per_hour: float = 0.0) -> Comparison:
    """The table and the recommendation. `usd_per_hour`: what an hour of this machine costs."""
    rows = [_row(run, usd_per_hour) for run in runs]
    if not runs:
        return Comparison([], missing, "", ["No path could be taken."])
    path, why, changes = _recommend(runs, rows)
    changes += [f"{name} was not measured: {reason}" for name, reason in missing.items()]
    return Comparison(rows, missing, path, why, changes)


def _groups(run: PathRun) -> list[str]:
    return [record.group or record.sample.id for record in run.records]


def _row(run: PathRun, usd_per_hour: float) -> dict[str, Any]:
    facts: PathFacts = FACTS[run.path]
    seconds = np.array([record.output.seconds for record in run.records])
    cost = float(np.mean([record.output.usage.cost_usd for record in run.records]))
    hours = float(seconds.mean()) / 3600
    return {
        "path": run.path,
        "n": len(run.records),
        "failed": sum(record.output.failed for record in run.records),
        "metrics": {metric.name: value for metric in METRICS if (value := _figure(metric, run)) is not None},
        "latency_ms": {"p50": _percentile(seconds, 50), "p95": _percentile(seconds, 95)},
        "cost_usd": cost,
        "monthly": {
            str(count): {"usd": count * (cost + hours * usd_per_hour), "machine_hours": count * hours}
            for count in MONTHLY
        },
        "data_needed": facts.data_needed,
        "privacy": facts.privacy,
        "freshness": facts.freshness,
    }


def _percentile(seconds: Floats, share: float) -> float:
    return round(1000 * float(np.percentile(seconds, share)), 1)


def _figure(metric: Metric, run: PathRun) -> dict[str, Any] | None:
    found = interval(metric, metric.parts(run.scores), _groups(run))
    if found is None:
        return None
    n = sum(bool(row[-1]) for row in metric.parts(run.scores))
    return {"value": found.value, "low": found.low, "high": found.high, "n": n}


def _recommend(runs: Sequence[PathRun], rows: Sequence[dict[str, Any]]) -> tuple[str, list[str], list[str]]:
    """The cheapest path that is not shown to be worse than the best one (paired swap tests, Holm)."""
    quality = [row["metrics"]["quality"]["value"] for row in rows]
    best = max(range(len(runs)), key=lambda number: (quality[number], -_price(rows[number])))
    others = [number for number in range(len(runs)) if number != best]
    tests = {number: _paired(runs[best], runs[number], len(others)) for number in others}
    corrected = dict(zip(others, holm([tests[number].p_worse for number in others]), strict=True))
    equal = [best, *(number for number in others if corrected[number] > _LEVEL)]
    chosen = min(equal, key=lambda number: (_rank(rows[number]), -quality[number]))
    why = _reasons(runs, rows, chosen, best, corrected)
    return runs[chosen].path, why, _changes(runs, rows, tests, chosen, best, equal)


def _paired(best: PathRun, other: PathRun, tests: int) -> Any:
    before, after = QUALITY.parts(best.scores), QUALITY.parts(other.scores)
    return compare(QUALITY, before, after, _groups(best), max(tests, 1))


def _price(row: dict[str, Any]) -> float:
    return float(row["cost_usd"]) + 1e-9 * float(row["latency_ms"]["p50"])


def _rank(row: dict[str, Any]) -> tuple[float, float, float]:
    """Cheaper first: money, then hallucination, then time."""
    made_up = row["metrics"].get("hallucinated_answers", {}).get("value", 0.0)
    return (round(float(row["cost_usd"]), 9), round(float(made_up), 2), float(row["latency_ms"]["p50"]))


def _reasons(
    runs: Sequence[PathRun], rows: Sequence[dict[str, Any]], chosen: int, best: int, corrected: dict[int, float]
) -> list[str]:
    figure = rows[chosen]["metrics"]["quality"]
    name = FACTS[runs[chosen].path].title
    why = [f"{name} has a quality of {_between(figure)} on {rows[chosen]['n']} questions."]
    if chosen != best:
        top = rows[best]["metrics"]["quality"]
        why.append(
            f"{FACTS[runs[best].path].title} scored {top['value']:.2f}, which is not shown to be better (p = "
            f"{corrected[chosen]:.2f} after Holm's correction), and it costs more money, made-up answers or time."
        )
    worse = [number for number, chance in corrected.items() if chance <= _LEVEL and number != chosen]
    for number in worse:
        value = rows[number]["metrics"]["quality"]["value"]
        why.append(f"{FACTS[runs[number].path].title} is worse: {value:.2f} (p = {corrected[number]:.3f}).")
    made_up = rows[chosen]["metrics"].get("hallucinated_answers")
    if made_up:
        why.append(f"Its answers have an unsupported sentence in {made_up['value']:.0%} of cases.")
    return why


def _between(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def _changes(
    runs: Sequence[PathRun],
    rows: Sequence[dict[str, Any]],
    tests: dict[int, Any],
    chosen: int,
    best: int,
    equal: Sequence[int],
) -> list[str]:
    changes = []
    if len(equal) > 1:
        seen = max((tests[number].visible for number in equal if number != best), default=math.inf)
        size = f"differences below about {seen:.2f}" if math.isfinite(seen) else "differences"
        changes.append(
            f"More questions: with {len(runs[best].records)}, {size} between the paths cannot be seen, and "
            f"{', '.join(FACTS[runs[number].path].title for number in equal)} count as equal."
        )
    fastest = min(range(len(rows)), key=lambda number: rows[number]["latency_ms"]["p50"])
    if fastest != chosen:
        times = [rows[number]["latency_ms"]["p50"] / 1000 for number in (fastest, chosen)]
        name = FACTS[runs[fastest].path].title
        changes.append(
            f"If time matters most: {name} takes {times[0]:.2f} s at the median, this path {times[1]:.2f} s."
        )
    honest = min(
        range(len(rows)), key=lambda number: rows[number]["metrics"].get("hallucinated_answers", _NONE)["value"]
    )
    shares = [rows[number]["metrics"].get("hallucinated_answers", _NONE)["value"] for number in (honest, chosen)]
    if honest != chosen and shares[1] - shares[0] > 0.02:
        name = FACTS[runs[honest].path].title
        changes.append(
            f"If nothing may be made up: {name} has {shares[0]:.0%} unsupported answers, not {shares[1]:.0%}."
        )
    changes.append(f"If {FACTS[runs[chosen].path].unless}.")
    return changes


_NONE = {"value": 0.0}
