"""What kind of document some bytes are, and whether their name says so too."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePath

from assistant.knowledge.formats import BY_EXTENSION, BY_MEDIA_TYPE, BY_NAME, Format
from graphs.errors import DocumentError

_SAMPLE = 65_536
_READABLE = "Text, Markdown, HTML, PDF, Word, PowerPoint, Excel, CSV, EPUB, JSON, e-mail and source code can be read."
_ZIPPED = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}
_MIME = {b"application/epub+zip": "epub", b"application/vnd.oasis.opendocument.text": "odt"}
_OTHER_MIME = {
    b"application/vnd.oasis.opendocument.spreadsheet": ("an OpenDocument table", "Save it as .xlsx and ingest that."),
    b"application/vnd.oasis.opendocument.presentation": ("an OpenDocument presentation", "Save it as .pptx."),
}


def kind_of(data: bytes, name: str, declared: str = "") -> str:
    """The name of the document's format. Raises `DocumentError` for anything that is no document."""
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(b"PK\x03\x04"):
        return _zipped(data, name)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        message = f"{name!r} is an old or password-protected Office file."
        raise DocumentError(message, "Open it, remove the password, save it as .docx, .xlsx or .pptx and ingest that.")
    if data.startswith(b"{\\rtf"):
        return "rtf"
    expected = _expected(name, declared)
    if expected.packed and not _is_html(data) and not _is_text(data):
        message = f"{name!r} is not {expected.called}: its content is damaged or of another kind."
        raise DocumentError(message, "Open it to see whether it is complete, then export or download it again.")
    if not _is_text(data):
        raise DocumentError(f"{name!r} is a binary file, not a document.", _READABLE)
    if _is_html(data) and expected.name not in ("email", "code"):
        return "html"
    return "text" if expected.packed or expected.name == "rtf" else expected.name


def check_name(kind: str, name: str) -> None:
    """Raise `DocumentError` where the name promises another kind of document than the content is."""
    promised = BY_EXTENSION.get(PurePath(name).suffix.lower(), BY_NAME[kind])
    actual = BY_NAME[kind]
    if promised == actual or not (promised.packed or actual.packed or "rtf" in (promised.name, kind)):
        return
    message = f"{name!r} is not what its name says: its content is {actual.called}."
    cure = f"If you trust it, rename it to end in {actual.extensions[0]} and ingest it again."
    raise DocumentError(message, cure)


def _expected(name: str, declared: str) -> Format:
    named = BY_EXTENSION.get(PurePath(name).suffix.lower(), BY_NAME["text"])
    return BY_MEDIA_TYPE.get(declared, named) if declared != "text/plain" else named


def _zipped(data: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = set(archive.namelist())
            mime = archive.read("mimetype")[:100].strip() if _small(archive, "mimetype") else b""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        message = f"{name!r} is damaged: {error}."
        raise DocumentError(message, "Open it in the program it was made with and save it again.") from None
    for member, kind in _ZIPPED.items():
        if member in members:
            return kind
    if mime in _MIME:
        return _MIME[mime]
    if "META-INF/container.xml" in members:
        return "epub"
    what, cure = _OTHER_MIME.get(mime, ("an archive", "Unpack it and ingest the folder."))
    raise DocumentError(f"{name!r} is {what}.", cure)


def _small(archive: zipfile.ZipFile, member: str) -> bool:
    return member in archive.namelist() and archive.getinfo(member).file_size < _SAMPLE


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
