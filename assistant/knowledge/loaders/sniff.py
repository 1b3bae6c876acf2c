"""What kind of document some bytes are, and whether their name says so too."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePath

from graphs.errors import DocumentError

HEAVY = frozenset({"pdf", "docx", "html"})
"""Kinds whose parsers can be made to take long or grow large: they run in a process of their own."""

_BY_EXTENSION = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".csv": "csv",
    ".tsv": "csv",
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "markdown",
}
_BY_MEDIA_TYPE = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "text/markdown": "markdown",
}
_NAMES = {"pdf": "a PDF", "docx": "a Word document (.docx)", "html": "an HTML page", "text": "plain text"}
_SUFFIX = {"pdf": ".pdf", "docx": ".docx", "html": ".html", "text": ".txt"}
_SAMPLE = 65_536


def kind_of(data: bytes, name: str, declared: str = "") -> str:
    """One of pdf, docx, html, csv, markdown, text. Raises `DocumentError` for anything that is no document."""
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(b"PK\x03\x04"):
        return _office(data, name)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        message = f"{name!r} is an old or password-protected Office file."
        raise DocumentError(message, "Open it, remove the password, save it as .docx and ingest that.")
    expected = _BY_MEDIA_TYPE.get(declared) or _BY_EXTENSION.get(PurePath(name).suffix.lower(), "text")
    if expected in ("pdf", "docx") and not _is_html(data) and not _is_text(data):
        message = f"{name!r} is not {_NAMES[expected]}: its content is damaged or of another kind."
        raise DocumentError(message, "Open it to see whether it is complete, then export or download it again.")
    if not _is_text(data):
        message = f"{name!r} is a binary file, not a document."
        raise DocumentError(message, "Markdown, text, HTML, PDF, DOCX and CSV can be read.")
    if _is_html(data):
        return "html"
    return "text" if expected in ("pdf", "docx") else expected


def check_name(kind: str, name: str) -> None:
    """Raise `DocumentError` where the name promises another kind of document than the content is."""
    suffix = PurePath(name).suffix.lower()
    promised = _BY_EXTENSION.get(suffix, "text" if suffix in (".txt", ".text", ".rst", ".log", ".adoc") else kind)
    binary = {"pdf", "docx"}
    if promised == kind or (promised not in binary and kind not in binary):
        return
    message = f"{name!r} is not what its name says: its content is {_NAMES.get(kind, kind)}."
    raise DocumentError(
        message, f"If you trust it, rename it to end in {_SUFFIX.get(kind, '.txt')} and ingest it again."
    )


def _office(data: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        message = f"{name!r} is damaged: {error}."
        raise DocumentError(message, "Open it in the program it was made with and save it again.") from None
    if "word/document.xml" in members:
        return "docx"
    other = {
        "xl/workbook.xml": ("an Excel workbook", "Save its sheets as .csv and ingest those."),
        "ppt/presentation.xml": ("a PowerPoint presentation", "Export it as PDF and ingest that."),
        "content.xml": ("an OpenDocument file", "Save it as .docx or PDF and ingest that."),
    }
    for member, (what, cure) in other.items():
        if member in members:
            raise DocumentError(f"{name!r} is {what}.", cure)
    raise DocumentError(f"{name!r} is an archive.", "Unpack it and ingest the folder.")


def _is_html(data: bytes) -> bool:
    head = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    while head.startswith((b"<?xml", b"<!--")):
        _, _, head = head.partition(b">")
        head = head.lstrip()
    return head.startswith((b"<!doctype html", b"<html"))


def _is_text(data: bytes) -> bool:
    """Text has hardly any control characters. UTF-16 and UTF-32 are told by their mark or their regular zeros."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return True
    sample = data[:_SAMPLE]
    zeros = sample.count(0)
    if zeros and max(sample[0::2].count(0), sample[1::2].count(0)) > len(sample) * 0.35 and zeros < len(sample) * 0.6:
        return True  # UTF-16 without a mark: every other byte of Latin text is zero
    control = sum(sample.count(code) for code in range(32) if code not in (9, 10, 12, 13, 27))
    return control <= len(sample) // 100
