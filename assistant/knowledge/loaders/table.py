"""CSV: every row a line of `header: value; …`, so that it is found and understood by itself."""

from __future__ import annotations

import csv
import io
from pathlib import PurePath

from assistant.knowledge.loaders.parts import facts
from assistant.knowledge.loaders.plain import decode
from assistant.knowledge.loaders.sheets import Cell, Sheet
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_SNIFFED = 65_536
_LINES = 50
_MOST_CELLS = 5_000_000


def load(data: bytes, name: str) -> Loaded:
    """The table, line n its row n. Separators `,` `;` tab and `|` are told by themselves."""
    (sheet,) = read(data, name)
    return Loaded(sheet.text(), PurePath(name).name, "text/csv", metadata=facts(tables=[sheet.facts()]))


def read(data: bytes, name: str) -> list[Sheet]:
    """The one sheet of a CSV file, its cells as they are written. Raises `DocumentError` where it is no table."""
    text = decode(data)
    rows: list[list[Cell]] = []
    cells = 0
    try:
        for row in csv.reader(io.StringIO(text, newline="\n"), _dialect(text[:_SNIFFED])):
            rows.append([*row])
            cells += len(row)
            if cells > _MOST_CELLS:
                raise DocumentError(f"{name!r} has more than {_MOST_CELLS:,} cells.", "Split it.")
    except csv.Error as error:
        raise DocumentError(f"{name!r} cannot be read as CSV: {error}.", "Export it again as CSV in UTF-8.") from None
    return [Sheet(PurePath(name).stem, rows)]


def _dialect(head: str) -> type[csv.Dialect]:
    delimiter = _delimiter(head.split("\n")[:_LINES])
    return type("_Told", (csv.excel,), {"delimiter": delimiter}) if delimiter else csv.excel


def _delimiter(lines: list[str]) -> str | None:
    """The sign that divides the most lines into the same number of cells, two at least."""
    best: tuple[float, int, str] | None = None
    for sign in ",;\t|":
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
        except csv.Error:
            continue
        if not widths:
            continue
        common = max(set(widths), key=lambda width: (widths.count(width), width))
        share = widths.count(common) / len(widths)
        if common > 1 and (best is None or (share, common) > best[:2]):
            best = (share, common, sign)
    return best[2] if best else None
