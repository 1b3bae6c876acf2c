"""Figures from scored samples: each metric with its interval, its smallest visible effect, its stability."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from eval.cache import Cache, key_of
from eval.record import Latency, MetricValue, SampleRecord
from eval.scorers.base import Metric, Scorer
from eval.statistics import cluster_sums, contributing, interval, pass_hat_k, smallest_visible, standard_error


def summarised(
    scorers: Sequence[Scorer], keys: Mapping[str, str], records: Sequence[SampleRecord], watched: int, cache: Cache
) -> dict[str, MetricValue]:
    """As `summarise`, from the cache where these scores were summed up before. `keys`: scorer → hash of what it is."""
    names = {scorer.name: keys.get(scorer.name, "") for scorer in scorers}
    rows = [(item.sample.id, item.repeat, item.group, _plain(item, names)) for item in records]
    key = key_of("summary", _code(), names, rows, watched)
    kept = cache.get(key)
    if kept is None:
        kept = {name: value.model_dump(mode="json") for name, value in summarise(scorers, records, watched).items()}
        cache.put(key, kept)
    return {name: MetricValue(**value) for name, value in kept.items()}


def _plain(record: SampleRecord, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: score.model_dump(mode="json") for name, score in record.scores.items() if name in names}


@lru_cache(maxsize=1)
def _code() -> str:
    """Hash of what computes figures and intervals."""
    here = Path(__file__).resolve().parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in ("summary.py", "statistics.py"))).hexdigest()


def summarise(scorers: Sequence[Scorer], records: Sequence[SampleRecord], watched: int = 1) -> dict[str, MetricValue]:
    """Every metric of the scorers over the records. `watched`: how many metrics a gate would judge together."""
    found = {}
    for scorer in scorers:
        rows = [record for record in records if scorer.name in record.scores]
        for metric in scorer.metrics():
            found[metric.name] = _value(metric, scorer.name, rows, max(watched, 1))
    return found


def _value(metric: Metric, scorer: str, rows: Sequence[SampleRecord], watched: int) -> MetricValue:
    scores = [row.scores[scorer] for row in rows]
    groups = [row.group for row in rows]
    parts, groups = contributing(metric.parts(scores) if scores else np.zeros((0, 2)), groups)
    found = interval(metric, parts, groups)
    clusters = len(set(groups))
    if found is None:
        return MetricValue(
            value=None, low=None, high=None, n=len(parts), clusters=clusters, better=metric.better, scorer=scorer
        )
    error = standard_error(metric, cluster_sums(parts, groups)) * math.sqrt(2)
    visible = smallest_visible(metric, error, clusters, watched)
    return MetricValue(
        value=found.value, low=found.low, high=found.high, n=len(parts), clusters=clusters, better=metric.better,
        method=found.method, scorer=scorer, visible=visible if math.isfinite(visible) else None,
        stability=_stability(metric, scorer, rows),
    )  # fmt: skip


def _stability(metric: Metric, scorer: str, rows: Sequence[SampleRecord]) -> dict[str, float]:
    """Over repeats: the spread of the figure, and pass^k where scores are right or wrong. Empty for one repeat."""
    repeats = sorted({row.repeat for row in rows})
    if len(repeats) < 2:
        return {}
    each = [[row.scores[scorer] for row in rows if row.repeat == repeat] for repeat in repeats]
    values = [float(metric.combine(metric.parts(scores).sum(axis=0))) for scores in each]
    found = {"repeats": float(len(repeats)), "spread": float(np.std(values, ddof=1))}
    tries: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        if row.scores[scorer].value not in (0.0, 1.0):
            return found
        tries[row.sample.id].append(row.scores[scorer].value == 1.0)
    for k in range(1, min(len(passes) for passes in tries.values()) + 1):
        found[f"pass^{k}"] = pass_hat_k(list(tries.values()), k)
    return found


def latency(records: Sequence[SampleRecord]) -> Latency | None:
    """Of the samples that were answered; None where none was."""
    took = [record.output.seconds * 1000 for record in records if not record.output.failed]
    if not took:
        return None
    p50, p95 = (round(float(value), 1) for value in np.quantile(took, (0.5, 0.95)))
    return Latency(p50=p50, p95=p95, mean=round(float(np.mean(took)), 1))
