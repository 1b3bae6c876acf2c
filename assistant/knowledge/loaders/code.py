"""Source code: stored as it is written, so that line numbers stay those of the file."""

from __future__ import annotations

from pathlib import PurePath

from assistant.knowledge.loaders.parts import facts
from assistant.knowledge.loaders.plain import decode
from assistant.knowledge.structure import definitions
from assistant.knowledge.types import Loaded

_MOST = 100


def load(data: bytes, name: str) -> Loaded:
    """The program text; the classes and functions it defines are its headings."""
    text = decode(data)
    names = list(dict.fromkeys(found.name for found in definitions(text)))[:_MOST]
    path = PurePath(name)
    return Loaded(text, path.name, "text/x-source", metadata=facts(language=path.suffix[1:], headings=names))
