"""XLSX: every sheet a table, every row a line; formulas count with the values they had when the file was saved."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from assistant.knowledge.formats import BY_NAME
from assistant.knowledge.loaders.archive import open_archive
from assistant.knowledge.loaders.parts import facts, join_pages, office_facts
from assistant.knowledge.loaders.sheets import Cell, Sheet, written
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_FORMAT = BY_NAME["xlsx"]
_MOST_CELLS = 400_000
_MOST_ROWS = 200_000


def load(data: bytes, name: str) -> Loaded:
    """The sheets that hold something, each a page whose line n is its row n."""
    book = _open(data, name)
    sheets = _sheets(book, name)
    text, pages = join_pages((sheet.name, sheet.text()) for sheet in sheets)
    tables = facts(tables=[sheet.facts() for sheet in sheets])
    title = str(book.properties.title or "").strip()
    return Loaded(
        text,
        title or PurePath(name).name,
        _FORMAT.media_type,
        pages,
        {**office_facts(book.properties), **tables},
    )


def read(data: bytes, name: str) -> list[Sheet]:
    """The sheets that hold something, with the values of their cells."""
    return _sheets(_open(data, name), name)


def _open(data: bytes, name: str) -> Any:
    import openpyxl

    open_archive(data, name, _FORMAT.called, lambda archive: _check_size(archive, name))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, OSError) as error:
        cure = "Open it in Excel or LibreOffice and save it again."
        raise DocumentError(f"{name!r} is a damaged Excel workbook: {error}.", cure) from None


def _check_size(archive: zipfile.ZipFile, name: str) -> None:
    cells = sum(_cells(archive, member) for member in archive.namelist() if member.startswith("xl/worksheets/"))
    if cells > _MOST_CELLS:
        message = f"{name!r} has {cells:,} cells, more than the {_MOST_CELLS:,} a workbook may have here."
        raise DocumentError(message, "Export its sheets as .csv and ingest those.")


def _cells(archive: zipfile.ZipFile, member: str) -> int:
    """How many cells a sheet has, counted without parsing it."""
    count, tail = 0, b""
    with archive.open(member) as stream:
        while piece := stream.read(2**18):
            whole = tail + piece
            count += whole.count(b"<c ") + whole.count(b"<c>")
            tail = whole[-2:]
    return count


def _sheets(book: Any, name: str) -> list[Sheet]:
    try:
        sheets = [Sheet(sheet.title, list(_rows(sheet, name))) for sheet in book.worksheets]
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        cure = "Open it in Excel or LibreOffice and save it again."
        raise DocumentError(f"{name!r} is a damaged Excel workbook: {error}.", cure) from None
    return [sheet for sheet in sheets if any(written(cell) for row in sheet.rows for cell in row)]


def _rows(sheet: Any, name: str) -> Iterator[list[Cell]]:
    sheet.reset_dimensions()  # what the file claims about its size may be wrong, or a bomb
    empty = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True)):
        if number >= _MOST_ROWS:
            message = f"{name!r} has more than {_MOST_ROWS:,} rows on its sheet {sheet.title!r}."
            raise DocumentError(message, "Export that sheet as .csv and ingest it.")
        cells = list(row)
        while cells and cells[-1] is None:
            cells.pop()
        if not cells:
            empty += 1
            continue
        yield from ([] for _ in range(empty))
        empty = 0
        yield cells
