"""Tables as text and as values: one line for each row of the file, so that a line's number is its row's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from typing import Any

Cell = str | int | float | bool | None
_HEADER_WITHIN = 20
"""The header stands among the first rows, below titles and notes at most."""
_NUMBER = re.compile(r"^[-+(]?\s*[€$£]?\s*\d[\d\s.,']*\s*[%€$£)]?$")


@dataclass(frozen=True)
class Sheet:
    """A table as it stands in its file: `rows[0]` is row 1, empty rows included."""

    name: str
    rows: list[list[Cell]] = field(repr=False)

    @cached_property
    def header(self) -> int:
        """Index of the row that names the columns; -1 where there are none to name."""
        filled = [(index, _filled(row)) for index, row in enumerate(self.rows) if _filled(row)]
        if len(filled) < 2:
            return -1
        first = filled[:_HEADER_WITHIN]
        width = max(len(cells) for _, cells in first)
        for index, cells in first[:-1] or first:
            if len(cells) * 2 > width and not any(is_number(cell) for cell in cells):
                return index
        return filled[0][0]

    @cached_property
    def columns(self) -> list[str]:
        """The names of the columns; unnamed ones are called by their place."""
        width = max((len(row) for row in self.rows), default=0)
        names = [written(cell) for cell in self.rows[self.header]] if self.header >= 0 else []
        names += [""] * (width - len(names))
        seen: dict[str, int] = {}
        unique = []
        for place, name in enumerate(names, 1):
            chosen = name or f"column {place}"
            seen[chosen] = seen.get(chosen, 0) + 1
            unique.append(chosen if seen[chosen] == 1 else f"{chosen} ({seen[chosen]})")
        return unique

    def text(self) -> str:
        """Every row a line of `header: value; …`, understood by itself; the rows above the header as they are."""
        lines = []
        for index, row in enumerate(self.rows):
            if index <= self.header or self.header < 0:
                lines.append("; ".join(written(cell) for cell in _filled(row)))
            else:
                lines.append(self._line(row))
        return "\n".join(lines).rstrip("\n")

    def facts(self) -> dict[str, Any]:
        """What a search by metadata and a computation want to know of it."""
        rows = sum(1 for row in self.rows[self.header + 1 :] if _filled(row))
        return {"name": self.name, "columns": self.columns[:200], "rows": rows, "header_row": self.header + 1}

    def _line(self, row: Sequence[Cell]) -> str:
        named = []
        for place, cell in enumerate(row):
            if value := written(cell):
                given = self.rows[self.header][place] if place < len(self.rows[self.header]) else None
                named.append(f"{self.columns[place]}: {value}" if written(given) else value)
        return "; ".join(named)


def written(cell: Cell | date | time) -> str:
    """A cell as text on one line."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return f"{cell:.15g}"
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "minutes").removesuffix(" 00:00")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return " ".join(str(cell).split())


def is_number(cell: Cell) -> bool:
    """Whether a cell holds a number or is written as one."""
    if isinstance(cell, str):
        return bool(_NUMBER.match(cell.strip()))
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _filled(row: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in row if written(cell)]
