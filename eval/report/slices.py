"""The samples of a run by path, document, length and topic, each slice with its figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import PurePath

from eval.record import MetricValue, SampleRecord
from eval.report.plots import figure, interval_plot
from eval.scorers.base import mean
from eval.statistics import interval

MOST = 12
"""Slices shown of each kind, the largest; the rest are counted."""
_TOPICS = ("topic", "domain", "dataset", "title", "heading", "label")


def path_of(record: SampleRecord) -> str:
    """The path its answer took."""
    answer = record.output.answer
    decision = answer.route if answer else record.output.route
    return decision.path if decision else ""


def document_of(record: SampleRecord) -> str:
    """The document the question is about, as the data set says."""
    source = record.sample.metadata.get("source") or record.group
    return PurePath(str(source)).name if source and source != record.sample.id else ""


def length_of(record: SampleRecord) -> str:
    """How long the question is, in words."""
    words = len(record.sample.input.split())
    return next((f"up to {most} words" for most in (8, 16, 32, 64, 128) if words <= most), "more than 128 words")


def topic_of(record: SampleRecord) -> str:
    """What the data set says the question is about."""
    metadata = record.sample.metadata
    return next((str(metadata[key]) for key in _TOPICS if metadata.get(key)), "")


KINDS: dict[str, Callable[[SampleRecord], str]] = {
    "path": path_of,
    "document": document_of,
    "length": length_of,
    "topic": topic_of,
}


def slices(records: Sequence[SampleRecord], kind: str) -> dict[str, list[SampleRecord]]:
    """The records by the value of one kind, the largest slices first; those without a value are left out."""
    found: dict[str, list[SampleRecord]] = {}
    for record in records:
        if value := KINDS[kind](record):
            found.setdefault(value, []).append(record)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def mean_score(records: Sequence[SampleRecord], scorer: str) -> MetricValue | None:
    """The mean of a scorer's values with its interval; None where it judged none of them."""
    judged = [record for record in records if scorer in record.scores]
    metric = mean(scorer)
    parts = metric.parts([record.scores[scorer] for record in judged])
    had = interval(metric, parts, [record.group or record.sample.id for record in judged]) if judged else None
    if had is None:
        return None
    return MetricValue(value=had.value, low=had.low, high=had.high, n=len(judged), method=had.method)


def slice_tables(records: Sequence[SampleRecord], scorers: Sequence[str]) -> str:
    """A table for each kind that has at least two slices."""
    tables = []
    for kind in KINDS:
        found = slices(records, kind)
        if len(found) > 1:
            tables.append(f"<h3>By {kind}</h3>{_table(kind, found, scorers)}")
    return "".join(tables) or '<p class="quiet">All samples are alike in path, document, length and topic.</p>'


def _table(kind: str, found: dict[str, list[SampleRecord]], scorers: Sequence[str]) -> str:
    first = scorers[:1]
    head = "".join(f'<th class="number">{escape(name)}</th>' for name in scorers)
    plot = "<th>interval</th>" if first else ""
    rows = "".join(_slice_row(name, each, scorers) for name, each in list(found.items())[:MOST])
    more = f'<p class="quiet">{len(found) - MOST} smaller slices are not shown.</p>' if len(found) > MOST else ""
    return (
        f'<div class="wide"><table><tr><th>{kind}</th><th class="number">n</th>{head}{plot}</tr>{rows}</table></div>'
        f"{more}"
    )


def _slice_row(name: str, records: Sequence[SampleRecord], scorers: Sequence[str]) -> str:
    values = [mean_score(records, scorer) for scorer in scorers]
    cells = "".join(f'<td class="number">{figure(value.value if value else None)}</td>' for value in values)
    plot = f"<td>{interval_plot(name, values[0]) if values[0] else ''}</td>" if scorers else ""
    return f'<tr><td>{escape(name)}</td><td class="number">{len(records)}</td>{cells}{plot}</tr>'
