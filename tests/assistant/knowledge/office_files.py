"""Office files, books and mails made for tests."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from typing import Any

import openpyxl
import pptx


def zipped(members: Mapping[str, bytes | str]) -> bytes:
    """A zip archive of these members, compressed."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()


def workbook(sheets: Mapping[str, Sequence[Sequence[Any]]], *, author: str = "") -> bytes:
    """An Excel workbook with these rows on its sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.properties.creator = author
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def presentation(slides: Sequence[tuple[str, str]], *, notes: str = "") -> bytes:
    """A PowerPoint presentation of (title, text) slides; the notes go with the last one."""
    show = pptx.Presentation()
    for title, text in slides:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    if notes:
        slide.notes_slide.notes_text_frame.text = notes
    held = io.BytesIO()
    show.save(held)
    return held.getvalue()


def book(chapters: Sequence[str], *, title: str = "A book", author: str = "Ann Author") -> bytes:
    """An EPUB whose chapters have these bodies, in HTML."""
    names = [f"c{number}.xhtml" for number in range(len(chapters))]
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in names)
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    package = (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>{title}</dc:title><dc:creator>{author}</dc:creator><dc:date>2001-02-03</dc:date></metadata>"
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/content.opf"/></rootfiles></container>'
    )
    pages = {
        f"OEBPS/{name}": f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'
        for name, body in zip(names, chapters, strict=True)
    }
    head = {"mimetype": "application/epub+zip", "META-INF/container.xml": container}
    return zipped({**head, "OEBPS/content.opf": package, **pages})


def open_document(body: str) -> bytes:
    """An ODT with this body in its own XML."""
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"' for short in ("office", "text", "table")
    )
    text = f"<office:body><office:text>{body}</office:text></office:body>"
    content = f"<office:document-content {spaces}>{text}</office:document-content>"
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def mail(body: str, *, subject: str = "Hello", attachment: str = "", html: bool = False) -> bytes:
    """An e-mail from Ann to Bob of 2 January 2024."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ann <ann@example.org>", "bob@example.org", subject
    message["Date"] = "Tue, 02 Jan 2024 10:00:00 +0100"
    message.set_content(body, subtype="html" if html else "plain")
    if attachment:
        message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename=attachment)
    return message.as_bytes()
