"""Run a query on a table with pandas: exact, and with the rows it rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assistant.knowledge.tables.question import Column, Condition, Query

if TYPE_CHECKING:
    import pandas as pd

_MOST_VALUES = 2_000
"""Distinct texts of a column a question may name; a column of more is prose."""
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}(?:[ T].*)?$")


@dataclass(frozen=True)
class Table:
    """A table ready for queries: `frame` has the columns of `columns` and the file's row numbers as its index."""

    columns: tuple[Column, ...]
    frame: pd.DataFrame


@dataclass(frozen=True)
class Result:
    """What a query gave. `rows` are the row numbers it rests on; `groups` one value for each group."""

    value: float | str | None
    rows: tuple[int, ...]
    groups: tuple[tuple[str, float], ...] = ()
    best: int | None = None
    """The row an extreme stands in."""
    skipped: int = 0
    """Rows that fulfil the conditions and have no value to measure."""


def table_of(header: int, rows: Sequence[Sequence[Any]], names: Sequence[str], first_row: int = 1) -> Table:
    """A table from the rows of a file: `rows[header]` names the columns, `first_row` is the number of `rows[0]`."""
    import pandas as pd

    body = [(first_row + index, row) for index, row in enumerate(rows) if index > header and any(map(_filled, row))]
    data = {name: [_cell(row, place) for _, row in body] for place, name in enumerate(names)}
    frame = pd.DataFrame(data, index=[number for number, _ in body], dtype=object)
    columns = []
    for name in names:
        kind, series = _typed(frame[name])
        frame[name] = series
        values = frozenset(str(value).lower() for value in series.dropna().unique()) if kind == "text" else frozenset()
        columns.append(Column(name, kind, values if len(values) <= _MOST_VALUES else frozenset()))
    return Table(tuple(columns), frame)


def run(table: Table, query: Query) -> Result:
    """The result of a query, computed on the rows that fulfil its conditions."""
    frame = table.frame
    for condition in query.conditions:
        frame = frame[_mask(frame, table, condition)]
    if query.measure in ("count", "rows"):
        if query.group:
            sizes = frame.groupby(query.group).size().sort_values(ascending=False)
            return Result(
                float(len(frame)), tuple(frame.index), tuple((str(key), float(n)) for key, n in sizes.items())
            )
        return Result(float(len(frame)), tuple(frame.index))
    held = frame[frame[query.column].notna()]
    skipped = len(frame) - len(held)
    if not len(held):
        return Result(None, (), skipped=skipped)
    if query.group:
        by = held.groupby(query.group)[query.column].agg(query.measure).sort_values(ascending=False)
        groups = tuple((str(key), float(value)) for key, value in by.items())
        return Result(None, tuple(held.index), groups, skipped=skipped)
    series = held[query.column]
    best = None
    if query.measure in ("min", "max"):
        best = int(series.idxmin() if query.measure == "min" else series.idxmax())
    value = getattr(series, query.measure)()
    return Result(value if isinstance(value, str) else float(value), tuple(held.index), best=best, skipped=skipped)


def _mask(frame: pd.DataFrame, table: Table, condition: Condition) -> pd.Series:
    series = frame[condition.column]
    kind = next(column.kind for column in table.columns if column.name == condition.column)
    value: Any = condition.value
    if kind == "text":
        same = series.astype(str).str.lower() == str(value)
        return same if condition.compare == "=" else ~same
    if kind == "date":
        value = str(value)
        shown = series.astype(str).str.slice(0, len(value))
        if condition.compare == "=":
            return shown == value
        series = shown  # dates of ISO 8601 compare as text, a year or a month by its own length
    if condition.compare == "=":
        return series == value
    compare = {"!=": "ne", ">": "gt", ">=": "ge", "<": "lt", "<=": "le"}[condition.compare]
    mask: pd.Series = getattr(series, compare)(value) & series.notna()
    return mask


def _typed(series: pd.Series) -> tuple[Any, pd.Series]:
    """Numbers where every value is one or is written as one, dates of ISO 8601, else texts."""
    filled = [value for value in series if value is not None]
    if filled and all(_DATE.match(str(value)) for value in filled):
        return "date", series.map(lambda value: None if value is None else str(value)).astype(object)
    numbers = _numbers(series)
    if filled and numbers is not None:
        return "number", numbers
    return "text", series.map(lambda value: None if value is None else str(value)).astype(object)


def _numbers(series: pd.Series) -> pd.Series | None:
    """The values as numbers; `1.234,50` where the whole column is written that way; None where one is no number."""
    import pandas as pd

    plain = series.map(lambda value: re.sub(r"[€$£%\s]|EUR|USD", "", value) if isinstance(value, str) else value)
    for thousands, decimal in ((",", "."), (".", ",")):
        texts = plain.map(
            lambda value, t=thousands, d=decimal: _plain(value, t, d) if isinstance(value, str) else value
        )
        if texts.map(lambda value: isinstance(value, bool)).any():
            return None
        found = pd.to_numeric(texts, errors="coerce")
        if (found.notna() | series.isna()).all():
            return found.astype(float)
    return None


def _plain(text: str, thousands: str, decimal: str) -> str:
    """The text with its decimal sign as a point; unchanged, and so no number, where the other signs stand wrong."""
    pattern = rf"[-+]?(?:\d{{1,3}}(?:\{thousands}\d{{3}})+|\d+)(?:\{decimal}\d+)?"
    return text.replace(thousands, "").replace(decimal, ".") if re.fullmatch(pattern, text) else "x"


def _cell(row: Sequence[Any], place: int) -> Any:
    value = row[place] if place < len(row) else None
    return value if _filled(value) else None


def _filled(value: Any) -> bool:
    return value is not None and (not isinstance(value, str) or bool(value.strip()))
