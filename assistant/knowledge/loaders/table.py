"""CSV: every row a line of `header: value; …`, so that it is found and understood by itself."""

from __future__ import annotations

import csv
from pathlib import PurePath

from assistant.knowledge.loaders.plain import decode
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError


def load(data: bytes, name: str) -> Loaded:
    """The first row gives the headers. Separators `,` `;` tab and `|` are told by themselves."""
    lines = decode(data).splitlines(keepends=True)
    try:
        rows = [row for row in csv.reader(lines, _dialect(lines)) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DocumentError(f"{name!r} cannot be read as CSV: {error}.", "Export it again as CSV in UTF-8.") from None
    if len(rows) < 2:
        text = "\n".join("; ".join(row) for row in rows)
    else:
        headers = [_flat(cell) for cell in rows[0]]
        text = "\n".join(_line(headers, row) for row in rows[1:])
    return Loaded(text, PurePath(name).name, "text/csv")


def _dialect(lines: list[str]) -> type[csv.Dialect] | csv.Dialect:
    try:
        return csv.Sniffer().sniff("".join(lines[:50])[:65_536], delimiters=",;\t|")
    except csv.Error:  # one column, or rows too irregular to guess from
        return csv.excel


def _line(headers: list[str], row: list[str]) -> str:
    named = []
    for index, cell in enumerate(row):
        value = _flat(cell)
        if value:
            header = headers[index] if index < len(headers) else ""
            named.append(f"{header}: {value}" if header else value)
    return "; ".join(named)


def _flat(cell: str) -> str:
    return " ".join(cell.split())
