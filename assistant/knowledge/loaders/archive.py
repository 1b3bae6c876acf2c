"""Zip archives that hold documents: looked at before anything in them is parsed, and never unpacked to disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import PurePosixPath

from graphs.errors import DocumentError

_MAX_UNPACKED = 512 * 2**20
_MAX_XML = 128 * 2**20
_MAX_RATIO = 200
_RATIO_MATTERS = 16 * 2**20
"""Small parts may compress well; only above this size is a high ratio a sign of a bomb."""
_MAX_MEMBERS = 20_000
_MAX_DEPTH = 200
_MAX_ELEMENTS = 3_000_000
_PIECE = 2**18
_SAVE_AGAIN = "Open it in the program it was made with and save it again."


def open_archive(
    data: bytes, name: str, called: str, look: Callable[[zipfile.ZipFile], None] | None = None
) -> zipfile.ZipFile:
    """The archive, once nothing in it looks like an attack. `look` may refuse it before its XML is looked at.

    Raises `DocumentError` for a damaged archive, for names that lead out of it, for what unpacks to far too much, and
    for XML with entities, too deep or too large. Reading a member never goes beyond the size checked here.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        _check_members(archive, name)
        if look is not None:
            look(archive)
        for member in archive.infolist():
            if member.filename.lower().endswith((".xml", ".rels", ".opf", ".ncx")):
                _check_xml(archive, member, name, called)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise DocumentError(f"{name!r} is damaged: {error}.", _SAVE_AGAIN) from None
    return archive


def _check_members(archive: zipfile.ZipFile, name: str) -> None:
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise DocumentError(f"{name!r} holds {len(members):,} parts, which no document does.", _SAVE_AGAIN)
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[:1]:
            message = f"{name!r} has a part called {member.filename!r}, which leads out of the archive."
            raise DocumentError(message, "Do not trust it; ask whoever sent it for another copy.")
    total = sum(member.file_size for member in members)
    bomb = any(
        member.file_size > _RATIO_MATTERS and member.file_size > _MAX_RATIO * max(1, member.compress_size)
        for member in members
    )
    if bomb or total > _MAX_UNPACKED:
        message = f"{name!r} unpacks to {total / 2**20:,.0f} MB, which no document of its size does."
        raise DocumentError(message, "If it is real, save its text as PDF and ingest that.")


class _Watcher:
    """Sees every element and keeps none."""

    def __init__(self) -> None:
        self.depth = 0
        self.elements = 0

    def start(self, _tag: str, _attributes: dict[str, str]) -> None:
        self.depth += 1
        self.elements += 1
        if self.depth > _MAX_DEPTH:
            raise ValueError(f"elements are nested more than {_MAX_DEPTH} deep")
        if self.elements > _MAX_ELEMENTS:
            raise ValueError(f"there are more than {_MAX_ELEMENTS:,} elements")

    def end(self, _tag: str) -> None:
        self.depth -= 1

    def data(self, _text: str) -> None: ...

    def close(self) -> None: ...


def _check_xml(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, called: str) -> None:
    """Refuse entities and external ones, which no office program writes and attackers do, and what is too much."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    if member.file_size > _MAX_XML:
        message = f"{name!r} is too large: {member.filename!r} alone unpacks to more than 128 MB."
        raise DocumentError(message, "Split it.")
    is_ncx = member.filename.lower().endswith((".ncx", ".opf"))  # older books name a document type here
    parser = DefusedXMLParser(target=_Watcher(), forbid_dtd=not is_ncx)
    try:
        with archive.open(member) as stream:
            while piece := stream.read(_PIECE):
                parser.feed(piece)
        parser.close()
    except (ParseError, DefusedXmlException, ValueError, zipfile.BadZipFile) as error:
        message = f"{name!r} is {called} that is damaged or unsafe: {error}."
        raise DocumentError(message, _SAVE_AGAIN) from None
