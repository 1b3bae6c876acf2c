"""Documents to text: one small file per format, chosen by what the content is, not only by the name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath

from assistant.knowledge.loaders import markdown, pdf, plain, table, web, word
from assistant.knowledge.loaders.sniff import HEAVY, check_name, kind_of
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

__all__ = ["HEAVY", "READABLE", "load"]

READABLE = frozenset(".md .markdown .mdx .txt .text .rst .adoc .log .html .htm .xhtml .pdf .docx .csv .tsv".split())
"""Extensions a folder is searched for. A file named by itself may have any: its content decides."""

_LOADERS: dict[str, Callable[[bytes, str], Loaded]] = {
    "pdf": pdf.load,
    "docx": word.load,
    "html": web.load,
    "csv": table.load,
    "markdown": markdown.load,
    "text": plain.load,
}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def load(data: bytes, name: str, *, declared: str = "") -> Loaded:
    """The text of a document. `name` is its path or address; `declared` a media type that stands for an extension.

    Raises `DocumentError` where it is empty, corrupt, encrypted, without text, or not what its name says.
    """
    if not data.strip():
        raise DocumentError(f"{name!r} is empty.", "Check that the file was saved or copied completely.")
    kind = kind_of(data, name, declared)
    if not declared:
        check_name(kind, name)
    loaded = _LOADERS[kind](data, name)
    # A PDF keeps one character for each it had, so that offsets still lead to the place on the page.
    text = _UNSTORABLE.sub(" " if loaded.pages else "", loaded.text)
    if not text.strip():
        raise DocumentError(f"{name!r} has no text.", "Check that the file is the one you meant.")
    title = " ".join(_UNSTORABLE.sub("", loaded.title).split())[:300] or PurePath(name).name
    return Loaded(text, title, loaded.media_type, loaded.pages)
