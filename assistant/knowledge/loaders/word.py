"""DOCX: headings, paragraphs, lists and tables in their order, written as Markdown."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

from assistant.knowledge.formats import BY_NAME
from assistant.knowledge.loaders.archive import open_archive
from assistant.knowledge.loaders.parts import headings, office_facts
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_FORMAT = BY_NAME["docx"]


def load(data: bytes, name: str) -> Loaded:
    """The document's text. Raises `DocumentError` for damaged files and for those that unpack to far too much."""
    import docx

    open_archive(data, name, _FORMAT.called)
    try:
        document = docx.Document(io.BytesIO(data))
        text = "\n\n".join(part for part in _parts(document.iter_inner_content()) if part.strip())
        title = (document.core_properties.title or "").strip()
    except (KeyError, ValueError, AttributeError, zipfile.BadZipFile, OSError) as error:
        cure = "Open it in Word or LibreOffice and save it again."
        raise DocumentError(f"{name!r} is a damaged Word document: {error}.", cure) from None
    known = {**office_facts(document.core_properties), "headings": headings(text)}
    return Loaded(text, title or PurePath(name).name, _FORMAT.media_type, metadata=known)


def _parts(content: Iterator[Paragraph | Table]) -> Iterator[str]:
    from docx.table import Table

    for item in content:
        yield _table(item) if isinstance(item, Table) else _paragraph(item)


def _paragraph(paragraph: Paragraph) -> str:
    text = paragraph.text.strip()
    style = (paragraph.style.name if paragraph.style else "") or ""
    heading = re.fullmatch(r"Heading (\d)", style)
    if text and (heading or style == "Title"):
        return f"{'#' * int(heading[1] if heading else 1)} {' '.join(text.split())}"
    return f"- {text}" if text and style.startswith("List") else text


def _table(table: Table) -> str:
    lines = []
    for row in table.rows:
        cells = list(dict.fromkeys(row.cells))  # a merged cell is listed once for each column it spans
        lines.append("| " + " | ".join(" ".join(cell.text.split()) for cell in cells) + " |")
    return "\n".join(lines)
