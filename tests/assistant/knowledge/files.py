"""Documents made for tests."""

from __future__ import annotations

import io

import docx
from fpdf import FPDF


def pdf(*pages: str, password: str = "") -> bytes:
    """A PDF with one page for each text; an empty text makes a page without any."""
    document = FPDF()
    document.set_font("helvetica", size=12)
    if password:
        document.set_encryption(owner_password=f"{password}-owner", user_password=password)
    for text in pages:
        document.add_page()
        if text:
            document.multi_cell(0, 8, text)
    return bytes(document.output())


def columns_pdf(columns: list[list[str]], *, line_by_line: bool) -> bytes:
    """A page of columns, five words a line; drawn one column after the other, or `line_by_line` across them."""
    document = FPDF()
    document.set_font("helvetica", size=11)
    document.add_page()
    places = [(column, line) for column in range(len(columns)) for line in range(-(-len(columns[column]) // 5))]
    for column, line in sorted(places, key=lambda place: place[::-1]) if line_by_line else places:
        document.set_xy(10 + 100 * column, 20 + 6 * line)
        document.cell(80, 6, " ".join(columns[column][5 * line : 5 * line + 5]))
    return bytes(document.output())


def word(*, heading: str, paragraph: str, table: list[list[str]]) -> bytes:
    """A Word document with a heading, a paragraph and a table."""
    document = docx.Document()
    document.add_heading(heading, level=1)
    document.add_paragraph(paragraph)
    grid = document.add_table(rows=len(table), cols=len(table[0]))
    for row, cells in zip(grid.rows, table, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    held = io.BytesIO()
    document.save(held)
    return held.getvalue()
