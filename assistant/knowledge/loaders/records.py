"""JSON and JSON Lines: every value on a line that says its whole path; records become rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from assistant.knowledge.formats import BY_NAME
from assistant.knowledge.loaders.parts import facts
from assistant.knowledge.loaders.plain import decode
from assistant.knowledge.loaders.sheets import Cell, Sheet, written
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_MOST_DEPTH = 100


def load(data: bytes, name: str) -> Loaded:
    """A list of objects as a table, anything else as lines of `path: value`."""
    value = _parse(decode(data), name)
    title = PurePath(name).name
    if _is_records(value):
        return _table([_flat(record, name) for record in value], title, "json")
    text = "\n".join(f"{path}: {written(leaf)}" if path else written(leaf) for path, leaf in _leaves(value, name))
    return Loaded(text, title, BY_NAME["json"].media_type)


def load_lines(data: bytes, name: str) -> Loaded:
    """JSON Lines: line n is record n."""
    return _table(_records(data, name), PurePath(name).name, "jsonl")


def read(data: bytes, name: str) -> list[Sheet]:
    """The records of a JSON file as a table; none where it is no list of objects."""
    value = _parse(decode(data), name)
    return [_sheet([_flat(record, name) for record in value], PurePath(name).stem)] if _is_records(value) else []


def read_lines(data: bytes, name: str) -> list[Sheet]:
    """The records of a JSON Lines file as a table."""
    return [_sheet(_records(data, name), PurePath(name).stem)]


def _records(data: bytes, name: str) -> list[dict[str, Cell]]:
    records = []
    for number, line in enumerate(decode(data).split("\n"), 1):
        value = _parse(line, name, number) if line.strip() else {}
        records.append(_flat(value if isinstance(value, dict) else {"value": value}, name))
    while records and not records[-1]:
        records.pop()
    return records


def _table(records: list[dict[str, Cell]], title: str, kind: str) -> Loaded:
    """One line a record, each with its own keys: records need not be alike."""
    lines = ("; ".join(f"{key}: {written(value)}" for key, value in record.items()) for record in records)
    sheet = _sheet(records, PurePath(title).stem)
    known = facts(tables=[{**sheet.facts(), "header_row": 0}]) if records else {}
    return Loaded("\n".join(lines), title, BY_NAME[kind].media_type, metadata=known)


def _sheet(records: list[dict[str, Cell]], name: str) -> Sheet:
    columns = list(dict.fromkeys(key for record in records for key in record))
    return Sheet(name, [[*columns], *([record.get(column) for column in columns] for record in records)])


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _flat(record: dict[str, Any], name: str) -> dict[str, Cell]:
    return {path: leaf for path, leaf in _leaves(record, name) if leaf is not None}


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Cell]]:
    """Every value with its path, such as `warranty.parts[2].months`; lists of plain values stay on one line."""
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        path, item, depth = stack.pop()
        if depth > _MOST_DEPTH:
            raise DocumentError(f"{name!r} is nested more than {_MOST_DEPTH} deep.", "Flatten it.")
        if isinstance(item, dict):
            named = [(" ".join(str(key).split()), part) for key, part in item.items()]
            stack += reversed([(f"{path}.{key}" if path else key, part, depth + 1) for key, part in named])
        elif isinstance(item, list) and all(not isinstance(part, dict | list) for part in item):
            yield path, ", ".join(written(part) for part in item)
        elif isinstance(item, list):
            stack += reversed([(f"{path}[{index}]", part, depth + 1) for index, part in enumerate(item)])
        else:
            yield path, item


def _parse(text: str, name: str, line: int = 0) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = line or error.lineno
        message = f"{name!r} is not valid JSON: {error.msg} in line {where}, column {error.colno}."
        raise DocumentError(message, "Mend that place, or rename it to .txt to load it as plain text.") from None
    except RecursionError:
        raise DocumentError(f"{name!r} is nested too deep to be read.", "Flatten it.") from None
    except ValueError as error:  # a whole number of more digits than Python takes
        raise DocumentError(f"{name!r} cannot be read: {error}.", "Mend it, or rename it to .txt.") from None
