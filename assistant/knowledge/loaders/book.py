"""EPUB: the chapters of a book in their reading order."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

from assistant.knowledge.formats import BY_NAME
from assistant.knowledge.loaders.archive import open_archive
from assistant.knowledge.loaders.markup import to_markdown
from assistant.knowledge.loaders.parts import facts, headings, join_pages
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_FORMAT = BY_NAME["epub"]
_CURE = "Open it in a reader to see whether it is complete; a book with copy protection cannot be read."


def load(data: bytes, name: str) -> Loaded:
    """Every chapter of the spine that has text, as a page."""
    archive = open_archive(data, name, _FORMAT.called)
    try:
        if _protects_text(archive):
            raise DocumentError(f"{name!r} has copy protection.", _CURE)
        package, folder = _package(archive)
        parts = [(_first_heading(text), text) for text in _chapters(archive, package, folder) if text.strip()]
    except (KeyError, ValueError, zipfile.BadZipFile, StopIteration, OSError) as error:
        raise DocumentError(f"{name!r} is a damaged EPUB book: {error}.", _CURE) from None
    text, pages = join_pages(parts)
    known = facts(
        authors=[words for words in _all(package, "creator") if words],
        created=_first(package, "date"),
        language=_first(package, "language"),
        publisher=_first(package, "publisher"),
        subject=_first(package, "subject"),
        headings=headings(text),
    )
    return Loaded(text, _first(package, "title") or PurePath(name).name, _FORMAT.media_type, pages, known)


def _package(archive: zipfile.ZipFile) -> tuple[Any, str]:
    """The package document, and the folder its addresses are relative to."""
    from defusedxml.ElementTree import fromstring

    container = fromstring(archive.read("META-INF/container.xml"))
    path = next(item.get("full-path") for item in container.iter() if item.tag.endswith("}rootfile"))
    return fromstring(archive.read(path)), posixpath.dirname(path)


def _chapters(archive: zipfile.ZipFile, package: Any, folder: str) -> Iterator[str]:
    files = {
        item.get("id"): posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
        for item in package.iter()
        if item.tag.endswith("}item") and item.get("media-type") in ("application/xhtml+xml", "text/html")
    }
    known = set(archive.namelist())
    for reference in (item for item in package.iter() if item.tag.endswith("}itemref")):
        path = files.get(reference.get("idref"))
        if path in known and path is not None:
            yield to_markdown(archive.read(path))


def _protects_text(archive: zipfile.ZipFile) -> bool:
    """Whether more than fonts is encrypted."""
    if "META-INF/encryption.xml" not in archive.namelist():
        return False
    return re.search(rb"URI=[^>]{1,300}\.x?html?\b", archive.read("META-INF/encryption.xml")) is not None


def _all(package: Any, tag: str) -> list[str]:
    return [
        " ".join((item.text or "").split()) for item in package.iter() if item.tag.endswith(f"/elements/1.1/}}{tag}")
    ]


def _first(package: Any, tag: str) -> str:
    return next((words for words in _all(package, tag) if words), "")


def _first_heading(text: str) -> str:
    return next(iter(headings(text)), "")
