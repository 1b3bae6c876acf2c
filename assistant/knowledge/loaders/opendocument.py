"""ODT: headings, paragraphs, lists and tables in their order, written as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from assistant.knowledge.formats import BY_NAME
from assistant.knowledge.loaders.archive import open_archive
from assistant.knowledge.loaders.parts import facts, headings
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_FORMAT = BY_NAME["odt"]
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DUBLIN = "{http://purl.org/dc/elements/1.1/}"
_META = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}"


def load(data: bytes, name: str) -> Loaded:
    """The document's text. Raises `DocumentError` where it is damaged or locked by a password."""
    from defusedxml.ElementTree import fromstring

    archive = open_archive(data, name, _FORMAT.called)
    if (
        b"encryption-data" in archive.read("META-INF/manifest.xml")
        if "META-INF/manifest.xml" in archive.namelist()
        else False
    ):
        raise DocumentError(
            f"{name!r} is encrypted and needs a password.", "Save it without a password, then ingest it."
        )
    text = "\n\n".join(block for block in _blocks(fromstring(archive.read("content.xml"))) if block.strip())
    meta = fromstring(archive.read("meta.xml")) if "meta.xml" in archive.namelist() else None
    known = facts(
        authors=_of(meta, f"{_META}initial-creator") or _of(meta, f"{_DUBLIN}creator"),
        created=_of(meta, f"{_META}creation-date"),
        modified=_of(meta, f"{_DUBLIN}date"),
        subject=_of(meta, f"{_DUBLIN}subject"),
        headings=headings(text),
    )
    return Loaded(text, _of(meta, f"{_DUBLIN}title") or PurePath(name).name, _FORMAT.media_type, metadata=known)


def _of(meta: Any, tag: str) -> str:
    return next((item.text or "" for item in meta.iter(tag)), "") if meta is not None else ""


def _blocks(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag == f"{_TEXT}h":
            level = min(6, int(child.get(f"{_TEXT}outline-level") or 1))
            yield f"{'#' * level} {' '.join(_words(child).split())}"
        elif child.tag == f"{_TEXT}p":
            yield _words(child).strip()
        elif child.tag == f"{_TEXT}list":
            yield "\n".join(f"- {' '.join(_words(item).split())}" for item in child.iter(f"{_TEXT}p"))
        elif child.tag == f"{_TABLE}table":
            yield "\n".join(_row(row) for row in child.iter(f"{_TABLE}table-row"))
        else:
            yield from _blocks(child)


def _row(row: Any) -> str:
    return "| " + " | ".join(" ".join(_words(cell).split()) for cell in row.iter(f"{_TABLE}table-cell")) + " |"


def _words(element: Any) -> str:
    """An element's text; its own signs for tabs, line ends and runs of spaces become those."""
    text = [element.text or ""]
    for child in element:
        if child.tag == f"{_TEXT}line-break":
            text.append("\n")
        elif child.tag == f"{_TEXT}tab":
            text.append("\t")
        elif child.tag == f"{_TEXT}s":
            text.append(" " * min(80, int(child.get(f"{_TEXT}c") or 1)))
        elif child.tag != f"{_TEXT}note":
            text.append(_words(child))
        text.append(child.tail or "")
    return "".join(text)
