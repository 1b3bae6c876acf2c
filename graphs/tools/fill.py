"""Arguments of a tool, taken from the user's own words and from nothing else.

For models too small to call tools: numbers, named values and quoted texts are found by their form, free text by the
extractive reader, whose answer is by construction a piece of what the user wrote. What is not found is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graphs.context import Reader
from graphs.words import words

SURE = 0.5
"""From this chance on, a piece of the message the reader found counts as an argument."""
_WHOLE = ("query", "question")
"""Arguments that are what the user asks: the whole message, where it names none."""
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)")
_QUOTED = re.compile(r"[\"“«]([^\"”»]+)[\"”»]")
_SHAPES = {
    "url": re.compile(r"https?://[^\s<>\"]+"),
    "uri": re.compile(r"https?://[^\s<>\"]+"),
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "date": re.compile(r"\b\d{4}-\d{2}-\d{2}\b"),
}


def fill(schema: Mapping[str, Any], message: str, reader: Reader | None) -> tuple[dict[str, Any], list[str]]:
    """What a message says for each argument of a JSON schema, and the names of required ones it does not say."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = list(schema.get("required", []))
    found: dict[str, Any] = {}
    left = message
    for name, about in properties.items():
        value = _value(name, _resolved(about, schema), left, reader if name in required else None)
        if value is not None:
            found[name] = value
            left = left.replace(str(value), " ", 1) if isinstance(value, str | int | float) else left
    return found, [name for name in required if name not in found]


def _resolved(about: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A property with a reference, or a choice with null, as the plain thing it stands for."""
    if "$ref" in about:
        return dict(schema.get("$defs", {}).get(about["$ref"].rpartition("/")[2], {}))
    for choice in about.get("anyOf", []):
        if choice.get("type") != "null":
            return {**_resolved(choice, schema), "description": about.get("description", "")}
    return about


def _value(name: str, about: Mapping[str, Any], message: str, reader: Reader | None) -> Any:
    if "enum" in about:
        said = f" {' '.join(words(message))} "
        return next((value for value in about["enum"] if f" {' '.join(words(str(value)))} " in said), None)
    kind = about.get("type")
    if kind in ("integer", "number"):
        return _number(name, kind, message)
    if kind == "string":
        return _text(name, about, message, reader)
    return None


def _number(name: str, kind: str, message: str) -> int | float | None:
    named = re.search(rf"\b{re.escape(_spoken(name))}\W+(?:is |of |to |= ?)?(-?\d+(?:\.\d+)?)", message, re.IGNORECASE)
    found = named[1] if named else next((match.group() for match in _NUMBER.finditer(message)), None)
    if found is None:
        return None
    return float(found) if kind == "number" and "." in found else int(float(found))


def _text(name: str, about: Mapping[str, Any], message: str, reader: Reader | None) -> str | None:
    shape = _SHAPES.get(str(about.get("format", ""))) or next(
        (pattern for key, pattern in _SHAPES.items() if key in name.lower()), None
    )
    if shape:
        match = shape.search(message)
        return match.group().rstrip(".,;!?") if match else None
    label = re.escape(_spoken(name))
    named = re.search(rf"\b{label}\s*(?::|=| is )\s*([^\n;,]+)", message, re.IGNORECASE)
    if named:
        return named[1].strip(" \"“”'.")
    if quoted := _QUOTED.search(message):
        return quoted[1].strip()
    if name.lower() in _WHOLE:
        return message.strip() or None
    return _read(name, about, message, reader)


def _read(name: str, about: Mapping[str, Any], message: str, reader: Reader | None) -> str | None:
    if reader is None or not message.strip():
        return None
    asked = str(about.get("description") or about.get("title") or _spoken(name)).rstrip(".")
    reading = reader.read(f"What is the {asked[0].lower()}{asked[1:]}?", [message])[0]
    return reading.text.strip() or None if reading.answerable >= SURE else None


def _spoken(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").lower()
