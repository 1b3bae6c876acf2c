"""The samples of a run by path, document, length and topic, each slice with its figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
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


def slices(records: Sequence[SampleRecord], slice_of: Callable[[SampleRecord], str]) -> dict[str, list[SampleRecord]]:
    """The records by what they are put under, the largest slices first; those without a value are left out."""
    found: dict[str, list[SampleRecord]] = {}
    for record in records:
        if value := slice_of(record):
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


def slice_tables(records: Sequence[SampleRecord], scorers: Sequence[str], fields: Sequence[str] = ()) -> str:
    """A table for each kind that has at least two slices, and for each field of the metadata a suite names."""
    kinds: dict[str, Callable[[SampleRecord], str]] = {**KINDS}
    kinds |= {field: partial(_field, field) for field in fields}
    tables, shown = [], []
    for kind, slice_of in kinds.items():
        found = slices(records, slice_of)
        sizes = {PurePath(name).name: len(each) for name, each in found.items()}
        if len(found) > 1 and max(sizes.values()) > 1 and sizes not in shown:  # `source` often is the document
            shown.append(sizes)
            tables.append(f"<h3>By {escape(kind)}</h3>{_table(escape(kind), found, scorers)}")
    return "".join(tables) or '<p class="quiet">All samples are alike in path, document, length and topic.</p>'


def _field(name: str, record: SampleRecord) -> str:
    value = record.sample.metadata.get(name)
    return "" if value is None else str(value)


def _table(kind: str, found: dict[str, list[SampleRecord]], scorers: Sequence[str]) -> str:
    head = "".join(f'<th class="number">{escape(name)}</th>' for name in scorers)
    plot = f"<th>interval of {escape(scorers[0])}</th>" if scorers else ""
    several = {name: each for name, each in list(found.items())[:MOST] if len(each) > 1}
    rows = "".join(_slice_row(name, each, scorers) for name, each in several.items())
    left = len(found) - len(several)
    more = f'<p class="quiet">{left} smaller slices are not shown.</p>' if left else ""
    return (
        f'<div class="wide"><table><tr><th>{kind}</th><th class="number">n</th>{head}{plot}</tr>{rows}</table></div>'
        f"{more}"
    )


def _slice_row(name: str, records: Sequence[SampleRecord], scorers: Sequence[str]) -> str:
    values = [mean_score(records, scorer) for scorer in scorers]
    cells = "".join(f'<td class="number">{figure(value.value if value else None)}</td>' for value in values)
    plot = f"<td>{interval_plot(name, values[0]) if values[0] else ''}</td>" if scorers else ""
    return f'<tr><td>{escape(name)}</td><td class="number">{len(records)}</td>{cells}{plot}</tr>'
