"""Documents to text: one small file per format, chosen by what the content is, not only by the name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING

from assistant.knowledge.formats import BY_EXTENSION
from assistant.knowledge.loaders import (
    book,
    code,
    mail,
    markdown,
    notebook,
    opendocument,
    pdf,
    plain,
    records,
    rich_text,
    slides,
    table,
    web,
    word,
    workbook,
)
from assistant.knowledge.loaders.sniff import check_name, kind_of
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

if TYPE_CHECKING:
    from assistant.knowledge.loaders.sheets import Sheet

__all__ = ["READABLE", "kind_of", "load", "read_tables"]

READABLE = frozenset(BY_EXTENSION)
"""Extensions a folder is searched for. A file named by itself may have any: its content decides."""

MOST_CHARACTERS = 20_000_000
"""About ten thousand pages: more is data, not a document."""
_LONGEST_WORD = 1_000_000

_LOADERS: dict[str, Callable[[bytes, str], Loaded]] = {
    "pdf": pdf.load,
    "docx": word.load,
    "pptx": slides.load,
    "xlsx": workbook.load,
    "epub": book.load,
    "odt": opendocument.load,
    "rtf": rich_text.load,
    "html": web.load,
    "csv": table.load,
    "json": records.load,
    "jsonl": records.load_lines,
    "notebook": notebook.load,
    "email": mail.load,
    "code": code.load,
    "markdown": markdown.load,
    "text": plain.load,
}
_TABLES: dict[str, Callable[[bytes, str], list[Sheet]]] = {
    "csv": table.read,
    "xlsx": workbook.read,
    "json": records.read,
    "jsonl": records.read_lines,
}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_WORD = re.compile(rf"\S{{{_LONGEST_WORD}}}")


def load(data: bytes, name: str, *, declared: str = "", recognize: bool = False) -> Loaded:
    """The text of a document. `name` is its path or address; `declared` a media type that stands for an extension.

    `recognize` reads the pictures of a scanned PDF (`pdf.load`).

    Raises `DocumentError` where it is empty, corrupt, encrypted, without text, or not what its name says.
    """
    kind = _kind(data, name, declared)
    loaded = pdf.load(data, name, recognize=True) if recognize and kind == "pdf" else _LOADERS[kind](data, name)
    # A paged document keeps one character for each it had, so that offsets still lead to the place on the page.
    text = _UNSTORABLE.sub(" " if loaded.pages else "", loaded.text)
    if not text.strip():
        raise DocumentError(f"{name!r} has no text.", "Check that the file is the one you meant.")
    if len(text) > MOST_CHARACTERS:
        message = f"{name!r} has {len(text):,} characters, more than the {MOST_CHARACTERS:,} one document may have."
        raise DocumentError(message, "Split it.")
    if _WORD.search(text):
        message = f"{name!r} has a run of more than {_LONGEST_WORD:,} signs without a space: it is data, not text."
        raise DocumentError(message, "Leave it out, or take the encoded part out of it.")
    title = " ".join(_UNSTORABLE.sub("", loaded.title).split())[:300] or PurePath(name).name
    return Loaded(text, title, loaded.media_type, loaded.pages, loaded.metadata)


def read_tables(data: bytes, name: str, *, declared: str = "") -> list[Sheet]:
    """The tables of a CSV, Excel or JSON file with the values of their cells; none of any other document."""
    kind = _kind(data, name, declared)
    return _TABLES[kind](data, name) if kind in _TABLES else []


def _kind(data: bytes, name: str, declared: str) -> str:
    if not data.strip():
        raise DocumentError(f"{name!r} is empty.", "Check that the file was saved or copied completely.")
    kind = kind_of(data, name, declared)
    if not declared:
        check_name(kind, name)
    return kind
