"""RTF: the words of the document, without its formatting."""

from __future__ import annotations

import codecs
import re
from pathlib import PurePath
from typing import Any

from assistant.knowledge.formats import BY_NAME
from assistant.knowledge.loaders.parts import facts
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_TOKEN = re.compile(rb"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.I)
_SILENT = frozenset(
    b"fonttbl colortbl stylesheet info pict object header footer headerl headerr footerl footerr listtable "
    b"listoverridetable revtbl rsidtbl generator themedata colorschememapping datastore latentstyles xmlnstbl "
    b"fldinst bkmkstart bkmkend mmathPr".split()
)
"""Destinations whose content is not text of the document."""
_SIGNS = {
    b"par": "\n\n", b"line": "\n", b"tab": "\t", b"cell": " | ", b"row": "\n", b"sect": "\n\n", b"page": "\n\n",
    b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“",
    b"rdblquote": "”", b"emspace": " ", b"enspace": " ",
}  # fmt: skip
_MOST_DEPTH = 2_000
_TITLE = re.compile(rb"{\\title ([^{}]{1,300})}")
_AUTHOR = re.compile(rb"{\\author ([^{}]{1,300})}")


def load(data: bytes, name: str) -> Loaded:
    """Paragraphs apart by an empty line. Raises `DocumentError` for groups nested as no word processor does."""
    page = re.search(rb"\\ansicpg(\d{3,5})", data[:4096])
    try:
        encoding = codecs.lookup(f"cp{int(page[1])}").name if page else "cp1252"
    except LookupError:
        encoding = "cp1252"
    text = re.sub(r"[ \t]*\n{2,}\s*", "\n\n", _words(data, encoding, name)).strip()
    known = facts(authors=_of(_AUTHOR, data, encoding))
    return Loaded(text, _of(_TITLE, data, encoding) or PurePath(name).name, BY_NAME["rtf"].media_type, metadata=known)


def _of(pattern: re.Pattern[bytes], data: bytes, encoding: str) -> str:
    found = pattern.search(data[:65_536])
    return _words(found[1], encoding, "").strip() if found else ""


def _words(data: bytes, encoding: str, name: str) -> str:
    reader = _Reader(encoding, name)
    for match in _TOKEN.finditer(data):
        reader.take(*match.groups())
    reader.flush()
    return "".join(reader.out).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Reader:
    """Follows the groups: in some of them nothing is text."""

    def __init__(self, encoding: str, name: str) -> None:
        self.encoding, self.name = encoding, name
        self.out: list[str] = []
        self.stack: list[tuple[bool, int]] = []
        self.silent, self.fallback = False, 1
        self.skip = 0
        """How many signs still stand in for a character that was given by its number."""
        self.bytes = bytearray()
        """Signs given by their code: one character may take two of them."""

    def take(self, word: Any, number: Any, hexed: Any, sign: Any, brace: Any, plain: Any) -> None:
        """The next token: exactly one of the arguments but `number` is given."""
        if not hexed:
            self.flush()
        if brace:
            self._group(brace)
        elif word in _SILENT or sign == b"*":
            self.silent = True
        elif self.silent:
            return
        elif word:
            self._word(word, number)
        elif hexed:
            self._byte(hexed)
        elif sign:
            self.out.append({b"~": "\xa0", b"_": "-", b"-": ""}.get(sign, sign.decode("latin-1")))
        elif plain:
            self.out.append(plain.decode(self.encoding, errors="replace")[self.skip :])
            self.skip = 0

    def flush(self) -> None:
        """Write out the signs given by their code."""
        if self.bytes:
            self.out.append(self.bytes.decode(self.encoding, errors="replace"))
            self.bytes.clear()

    def _group(self, brace: bytes) -> None:
        if brace == b"}":
            self.silent, self.fallback = self.stack.pop() if self.stack else (False, 1)
            return
        self.stack.append((self.silent, self.fallback))
        if len(self.stack) > _MOST_DEPTH:
            message = f"{self.name!r} has groups nested more than {_MOST_DEPTH} deep."
            raise DocumentError(message, "Save it as .docx and ingest that.")

    def _word(self, word: bytes, number: bytes | None) -> None:
        if word == b"uc":
            self.fallback = int(number or 1)
        elif word == b"u" and number:
            self.out.append(chr(int(number) % 65_536))
            self.skip = self.fallback
        else:
            self.out.append(_SIGNS.get(word, ""))

    def _byte(self, hexed: bytes) -> None:
        if self.skip:
            self.skip -= 1
        else:
            self.bytes.append(int(hexed, 16))
