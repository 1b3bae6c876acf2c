"""A question in words to a query on one table, exactly or not at all. Nothing in it is evaluated as code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Measure = Literal["count", "sum", "mean", "median", "min", "max", "rows"]
Compare = Literal["=", "!=", ">", ">=", "<", "<="]
Kind = Literal["number", "date", "text"]


@dataclass(frozen=True)
class Column:
    """A column as a question can name it. `values` are the distinct texts of a text column, in lower case."""

    name: str
    kind: Kind
    values: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Condition:
    """What the rows that count must fulfil."""

    column: str
    compare: Compare
    value: str | float


@dataclass(frozen=True)
class Query:
    """What to compute."""

    measure: Measure
    column: str = ""
    """What is added up, averaged or compared; empty where rows are counted."""
    conditions: tuple[Condition, ...] = ()
    group: str = ""
    """One result for each value of this column."""


@dataclass(frozen=True)
class Unclear:
    """Why a question cannot be computed on the table it names."""

    reason: str
    unknown: tuple[str, ...] = field(default=())
    """Words that name no column and no value of it."""


_MEASURES: tuple[tuple[Measure, str], ...] = (
    ("count", r"how many|number of|count(?: of| the)?|how often"),
    ("mean", r"average|mean|on average"),
    ("median", r"median"),
    ("sum", r"total(?: sum| amount)?(?: of)?|sum(?: of| up)?|add up|how much(?: in total| altogether)?"),
    ("max", r"maximum|max|highest|largest|biggest|greatest|most expensive|latest|newest|longest|oldest age"),
    ("min", r"minimum|min|lowest|smallest|least|cheapest|earliest|shortest"),
    ("rows", r"list|show(?: me)?|which|what are"),
)
_INTENT = re.compile(r"\b(?:" + "|".join(pattern for _, pattern in _MEASURES) + r")\b", re.IGNORECASE)
_COMPARES: tuple[tuple[Compare, str], ...] = (
    (">=", r">=|at least|no less than|not less than|from|since|starting"),
    ("<=", r"<=|at most|no more than|not more than|up to|until"),
    (">", r">|over|above|more than|greater than|higher than|larger than|exceeding|after"),
    ("<", r"<|under|below|less than|fewer than|lower than|smaller than|before"),
    ("!=", r"!=|is not|are not|other than|except"),
    ("=", r"=|==|equals|equal to|is|are|was|of|:|in|from|by|for"),
)
_NUMBER = r"[€$£]?\s*-?\d[\d,]*(?:\.\d+)?(?:\s*[kK]\b)?\s*[%€$£]?"
_DATE = r"\d{4}(?:-\d{2}(?:-\d{2})?)?"
_FILLER = frozenset(
    "a an the of in on at to for from by with and or is are was were be been there do does did have has had which that "
    "what who how much many all any each every this these those my our your their its it than as me tell give show "
    "find list please row rows record records entry entries line lines item items table sheet file csv xlsx json jsonl "
    "spreadsheet workbook value values column where when whose altogether overall us we i you can could got get made "
    "exist exists contain contains listed given data case cases per total".split()
)


def asks_to_compute(question: str) -> bool:
    """Whether a message has the form of a question about numbers at all."""
    return len(question) < 400 and _INTENT.search(question) is not None


def parse(question: str, columns: Sequence[Column], names: Sequence[str]) -> Query | Unclear:
    """The query a question asks for on a table with these columns; `names` are what the table is called.

    Every word must be accounted for: by the measure, a column, a value of one, the table's name, or as filler.
    """
    return _Parser(question, columns, names).parse()


class _Parser:
    def __init__(self, question: str, columns: Sequence[Column], names: Sequence[str]) -> None:
        self.text = f" {' '.join(question.lower().strip().rstrip('?.!').split())} "
        self.columns = columns
        self.by_name = {column.name: column for column in columns}
        self.conditions: list[Condition] = []
        for name in sorted(names, key=len, reverse=True):
            self._take(rf"(?<!\w){re.escape(name.lower())}(?!\w)")

    def parse(self) -> Query | Unclear:
        measure = self._measure()
        group = self._group()
        self._ranges()
        self._comparisons()
        self._mentions()
        target = self._target(measure)
        left = self._left()
        if left:
            words = ", ".join(f"“{word}”" for word in left)
            return Unclear(f"it has no column and no value called {words}", tuple(left))
        if measure in ("count", "rows"):
            return Query(measure, "", tuple(self.conditions), group)
        if isinstance(target, Unclear):
            return target
        return Query(measure, target, tuple(self.conditions), group)

    def _measure(self) -> Measure:
        """The first measure named; `how many` wins over what else is said."""
        found = [
            (match.start(), measure, match)
            for measure, pattern in _MEASURES
            if (match := re.search(rf"(?<!\w)(?:{pattern})(?!\w)", self.text))
        ]
        found = [item for item in found if item[1] != "rows"] or found
        _, measure, match = min(found, key=lambda item: item[0])
        self._blank(match.start(), match.end())
        return measure

    def _group(self) -> str:
        for column in self._named():
            match = re.search(rf"(?<!\w)(?:per|by|for each|for every|in each)\s+{_form(column.name)}(?!\w)", self.text)
            if match:
                self._blank(match.start(), match.end())
                return column.name
        return ""

    def _ranges(self) -> None:
        """`total between 10 and 20`, `between 2024-01-01 and 2024-02-01`."""
        pattern = rf"between\s+({_DATE}|{_NUMBER})\s+and\s+({_DATE}|{_NUMBER})(?!\w)"
        for match in re.finditer(pattern, self.text):
            column = self._column_for(match.start(), match[1])
            if column:
                self.conditions += [
                    Condition(column.name, ">=", _value(column, match[1])),
                    Condition(column.name, "<=", _value(column, match[2])),
                ]
                self._blank(match.start(), match.end())

    def _comparisons(self) -> None:
        for compare, pattern in _COMPARES[:5]:
            value = rf"(?P<value>{_DATE}(?![\d.,])|{_NUMBER})"
            while match := re.search(
                rf"(?:(?:is|are|was|were|of)\s+)?(?<![\w<>!])(?:{pattern})\s*{value}(?!\w)", self.text
            ):
                column = self._column_for(match.start(), match["value"])
                if column is None:
                    break
                self.conditions.append(Condition(column.name, compare, _value(column, match["value"])))
                self._blank(match.start(), match.end())

    def _mentions(self) -> None:
        """`customer is Ann`, `customer Ann`, and values that stand alone: `from Berlin`, `shipped`."""
        for column in self._named():
            pattern = (
                rf"(?<!\w){_form(column.name)}\s+(?P<no>is not|!=)?\s*(?:is|are|was|=|equals|of|:|named|called)?\s*"
            )
            if column.kind == "text":
                for value in sorted(column.values, key=len, reverse=True):
                    if match := re.search(rf"{pattern}{re.escape(value)}(?!\w)", self.text):
                        self.conditions.append(Condition(column.name, "!=" if match["no"] else "=", value))
                        self._blank(match.start(), match.end())
                        break
            elif match := re.search(rf"{pattern}(?P<value>{_DATE}(?![\d.,])|{_NUMBER})(?!\w)", self.text):
                self.conditions.append(
                    Condition(column.name, "!=" if match["no"] else "=", _value(column, match["value"]))
                )
                self._blank(match.start(), match.end())
        for column in self.columns:
            for value in sorted(column.values, key=len, reverse=True):
                match = re.search(
                    rf"(?P<no>(?<!\w)(?:not|except)\s+(?:from|in|by)?\s*)?(?<!\w){re.escape(value)}(?!\w)", self.text
                )
                if match and value not in _FILLER:
                    self.conditions.append(Condition(column.name, "!=" if match["no"] else "=", value))
                    self._blank(match.start(), match.end())
        self._years()

    def _years(self) -> None:
        """`in 2024`, `in 2024-03`: the one column of dates."""
        dates = [column for column in self.columns if column.kind == "date"]
        match = re.search(rf"(?<!\w)(?:in|of|from|during|on)\s+({_DATE})(?![\w.,])", self.text)
        if match and len(dates) == 1:
            self.conditions.append(Condition(dates[0].name, "=", match[1]))
            self._blank(match.start(), match.end())

    def _target(self, measure: Measure) -> str | Unclear:
        """The column that is measured: the one named, else the only one there is."""
        named = [column for column in self._named() if column.kind != "text" or measure in ("min", "max")]
        for column in named:
            self._take(rf"(?<!\w){_form(column.name)}(?!\w)")
        for column in self._named():
            self._take(rf"(?<!\w){_form(column.name)}(?!\w)")
        wanted = [column for column in named if column.kind == "number"] or named
        if wanted:
            return wanted[0].name
        numbers = self._measures()
        if len(numbers) == 1:
            return numbers[0].name
        names = ", ".join(f"“{column.name}”" for column in numbers) or "none"
        return Unclear(f"the question does not say which column it means; those with numbers are: {names}")

    def _measures(self) -> list[Column]:
        """Columns of numbers that measure something: numbers that only name a row are none."""
        numbers = [column for column in self.columns if column.kind == "number"]
        return [
            column for column in numbers if not re.search(r"(?i)(?:^|[\W_])(?:id|no|nr|number|year|zip)$", column.name)
        ] or numbers

    def _column_for(self, position: int, value: str) -> Column | None:
        """The column a comparison is about: the nearest one named before it, else the only one of that kind."""
        is_date = bool(re.fullmatch(r"\d{4}-\d{2}(?:-\d{2})?", value.strip()))
        fitting = [column for column in self.columns if column.kind == ("date" if is_date else "number")]
        before = [
            (self.text.rfind(column.name.lower(), 0, position), column) for column in self._named() if column in fitting
        ]
        placed = [item for item in before if item[0] >= 0]
        if placed:
            return max(placed, key=lambda item: item[0])[1]
        measures = self._measures() if not is_date else fitting
        return measures[0] if len(measures) == 1 else None

    def _named(self) -> list[Column]:
        """The columns whose name stands in what is left of the question, the longest names first."""
        found = [column for column in self.columns if re.search(rf"(?<!\w){_form(column.name)}(?!\w)", self.text)]
        return sorted(found, key=lambda column: -len(column.name))

    def _left(self) -> list[str]:
        words = re.findall(r"[\w.%€$£-]+", self.text)
        return [word.strip(".-") for word in words if word.strip(".-") and word.strip(".-") not in _FILLER]

    def _take(self, pattern: str) -> None:
        while match := re.search(pattern, self.text):
            self._blank(match.start(), match.end())

    def _blank(self, start: int, end: int) -> None:
        self.text = self.text[:start] + " " * (end - start) + self.text[end:]


def _form(name: str) -> str:
    """A column's name as people write it: in lower case, `_` as a space, in the singular or plural."""
    words = re.escape(" ".join(re.split(r"[\s_]+", name.lower().strip())))
    stem = (
        re.sub(r"(?:ies|y)$", "(?:ies|y)", words)
        if re.search(r"(?:ies|y)$", words)
        else re.sub(r"s$", "", words) + "s?"
    )
    return stem.replace(r"\ ", r"[\s_]+")


def _value(column: Column, text: str) -> str | float:
    if column.kind != "number":
        return text.strip()
    plain = re.sub(r"[€$£%,\s]", "", text)
    return float(plain[:-1]) * 1000 if plain[-1:] in "kK" else float(plain)


def names_of(source_name: str, sheet: str) -> dict[str, bool]:
    """What a table may be called in a question → whether that names it beyond doubt."""
    stem = re.sub(r"\.\w+$", "", source_name)
    names: Mapping[str, bool] = {source_name: True, stem: False, sheet: False}
    plain = {" ".join(re.split(r"[\s_-]+", name.lower())): sure for name, sure in names.items() if name}
    single = {re.sub(r"s$", "", name): False for name in plain if name.endswith("s")}
    return {**single, **plain}
