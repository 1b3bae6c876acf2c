"""DOCX: headings, paragraphs, lists and tables in their order, written as Markdown."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_MAX_UNPACKED = 512 * 2**20
_MAX_XML = 128 * 2**20
_MAX_RATIO = 200
_RATIO_MATTERS = 16 * 2**20
"""Small parts may compress well; only above this size is a high ratio a sign of a bomb."""


def load(data: bytes, name: str) -> Loaded:
    """The document's text. Raises `DocumentError` for damaged files and for those that unpack to far too much."""
    import docx

    _check_archive(data, name)
    try:
        document = docx.Document(io.BytesIO(data))
        text = "\n\n".join(part for part in _parts(document.iter_inner_content()) if part.strip())
        title = document.core_properties.title.strip()
    except (KeyError, ValueError, AttributeError, zipfile.BadZipFile, OSError) as error:
        cure = "Open it in Word or LibreOffice and save it again."
        raise DocumentError(f"{name!r} is a damaged Word document: {error}.", cure) from None
    return Loaded(text, title or PurePath(name).name, _MEDIA_TYPE)


def _check_archive(data: bytes, name: str) -> None:
    """Look at the sizes the archive declares (reading never goes beyond them) and at its XML before parsing any."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        bomb = any(
            member.file_size > _RATIO_MATTERS and member.file_size > _MAX_RATIO * max(1, member.compress_size)
            for member in members
        )
        if bomb or total > _MAX_UNPACKED:
            message = f"{name!r} unpacks to {total / 2**20:,.0f} MB, which no document of its size does."
            raise DocumentError(message, "If it is real, save its text as PDF and ingest that.")
        for member in members:
            if member.filename.endswith((".xml", ".rels")):
                _check_xml(archive, member, name)


def _check_xml(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> None:
    """Refuse entities and document types, which Word never writes and attackers do."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    if member.file_size > _MAX_XML:
        raise DocumentError(
            f"{name!r} is too large: {member.filename!r} alone unpacks to more than 128 MB.", "Split it."
        )
    try:
        fromstring(archive.read(member), forbid_dtd=True)
    except (ParseError, DefusedXmlException, zipfile.BadZipFile, ValueError, RuntimeError) as error:
        cure = "Open it in Word or LibreOffice and save it again."
        raise DocumentError(f"{name!r} is a damaged or unsafe Word document: {error}.", cure) from None


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
