"""Text in any encoding."""

from __future__ import annotations

import codecs
from pathlib import PurePath

from assistant.knowledge.types import Loaded

_SAMPLE = 262_144
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def load(data: bytes, name: str) -> Loaded:
    """The text as it is; line ends become `\\n`."""
    return Loaded(decode(data), PurePath(name).name, "text/plain")


def decode(data: bytes) -> str:
    """Bytes to text: by byte order mark, as UTF-8, by regular zeros as UTF-16, else by the likeliest encoding."""
    return _decode(data).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")


def _decode(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\x00" in data[:_SAMPLE]:
        even, odd = data[0:_SAMPLE:2].count(0), data[1:_SAMPLE:2].count(0)
        if max(even, odd) > min(len(data), _SAMPLE) * 0.35:
            return data.decode("utf-16-be" if even > odd else "utf-16-le", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(_likeliest(data), errors="replace")


def _likeliest(data: bytes) -> str:
    """The encoding with the least mess in it; Western European where that explains the bytes as well as another."""
    from charset_normalizer import from_bytes

    matches = from_bytes(data[:_SAMPLE])
    best = matches.best()
    if best is None:
        return "cp1252"
    western = [match for match in matches if {"cp1252", "latin_1"} & set(match.could_be_from_charset)]
    return "cp1252" if western and western[0].chaos <= best.chaos else best.encoding
