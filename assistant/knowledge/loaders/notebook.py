"""Jupyter notebooks: text cells as they are, code cells as code, with what they printed."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

from assistant.knowledge.formats import BY_NAME
from assistant.knowledge.loaders.parts import facts, headings, join_pages
from assistant.knowledge.loaders.plain import decode
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_MOST_OUTPUT = 2_000
_CURE = "Open it in Jupyter and save it again."


def load(data: bytes, name: str) -> Loaded:
    """One page a cell; pictures are left out."""
    try:
        notebook = json.loads(decode(data))
        cells = [text for cell in notebook["cells"] if (text := _cell(cell)).strip()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DocumentError(f"{name!r} is not a notebook that can be read: {error}.", _CURE) from None
    text, pages = join_pages(("", cell) for cell in cells)
    found = headings(text)
    title = found[0] if found else PurePath(name).name
    return Loaded(text, title, BY_NAME["notebook"].media_type, pages, facts(headings=found))


def _cell(cell: dict[str, Any]) -> str:
    source = _joined(cell.get("source", ""))
    if cell.get("cell_type") != "code":
        return source
    printed = "".join(_joined(output.get("text", "")) for output in cell.get("outputs", []))[:_MOST_OUTPUT]
    code = f"```\n{source}\n```" if source.strip() else ""
    return f"{code}\n\n```\n{printed.strip()}\n```" if printed.strip() else code


def _joined(lines: str | list[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)
