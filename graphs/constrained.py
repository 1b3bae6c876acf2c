"""Output that always has the form asked for: one of some labels, or JSON of a schema.

Local models on OpenVINO are held to it token by token, several providers by themselves; what any other model writes is
checked, asked for once more, and given up on rather than mended by guesses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from graphs.words import words

Constrains = Literal["", "grammar", "schema"]
"""What binds a model's words: nothing, `regex` and `json_schema` as keyword arguments, or `json_schema` alone."""
_SPECIAL = re.compile(r"([\\.^$|?*+()\[\]{}])")
_LENGTHS = (64, 128, 300)
"""Bounds a text in JSON may have: few of them, because an engine keeps the grammar of a schema it has met."""
_WORD = re.compile(r"\w+(?:[-'’.,:/]\w+)*")
_MOST_WORDS, _SPAN_WORDS = 60, 8
"""Words of a text whose runs are all offered, and of the longest run."""
_QUOTED = re.compile(r'["\\\x00-\x1f]')
_MOST_ITEMS = 20


def how(model: BaseChatModel) -> Constrains:
    """How a model can be held to a form."""
    return cast(Constrains, getattr(model, "constrains", ""))


def choose(model: BaseChatModel, messages: Sequence[BaseMessage], labels: Sequence[str]) -> tuple[str, AIMessage]:
    """One of `labels`, and the model's reply; an empty string where it wrote none of them."""
    options: dict[str, Any] = {"max_tokens": 48, "temperature": 0}
    if how(model) == "grammar":
        options["regex"] = "(" + "|".join(map(_plain, labels)) + ")"
    elif how(model) == "schema":
        label = {"type": "string", "enum": list(labels)}
        options["json_schema"] = json.dumps(_closed({"type": "object", "properties": {"label": label}}))
    reply = model.invoke(list(messages), **options)
    return match(str(reply.content), labels), reply


def match(written: str, labels: Sequence[str]) -> str:
    """The label a text names: the whole text, else the only one whose words stand in it; empty where none or more."""
    said = " ".join(words(written))
    exact = [label for label in labels if " ".join(words(label)) == said]
    if exact:
        return exact[0]
    within = [label for label in labels if f" {' '.join(words(label))} " in f" {said} "]
    longest = [label for label in within if not any(label != other and label in other for other in within)]
    return longest[0] if len(longest) == 1 else ""


def fill(
    model: BaseChatModel, messages: Sequence[BaseMessage], schema: dict[str, Any], longest: int = _LENGTHS[-1]
) -> tuple[Any, AIMessage | None]:
    """A value that satisfies `schema`, and the model's last reply; None where it wrote no such value in two tries.

    `longest` bounds each text in it, in characters, from above by one of a few lengths.
    """
    options: dict[str, Any] = {"max_tokens": 512, "temperature": 0}
    if how(model):
        options["json_schema"] = json.dumps(
            bounded(schema, next((length for length in _LENGTHS if length >= longest), _LENGTHS[-1]))
        )
    asked = list(messages)
    reply: AIMessage | None = None
    for _ in range(2):
        reply = model.invoke(asked, **options)
        value, wrong = read_json(str(reply.content), schema)
        if not wrong:
            return value, reply
        asked += [reply, HumanMessage(f"That does not fit: {wrong}. Write the JSON alone.")]
    return None, reply


def read_json(text: str, schema: dict[str, Any]) -> tuple[Any, str]:
    """The JSON a text holds, and what is wrong with it by the schema; empty where nothing is."""
    from jsonschema import ValidationError
    from jsonschema.validators import validator_for

    begin = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    try:
        value, _ = json.JSONDecoder().raw_decode(text[begin:]) if begin >= 0 else (json.loads(text), 0)
    except ValueError as error:
        return None, f"no JSON ({error})"
    try:
        validator_for(schema)(schema).validate(value)
    except ValidationError as error:
        return None, str(error.message)[:200]
    return value, ""


def check_schema(schema: Any) -> str:
    """What is wrong with a JSON schema a user gave; empty where nothing is."""
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    if not isinstance(schema, dict) or schema.get("type") != "object":
        return 'a schema is a JSON object with "type": "object"'
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        return str(error.message)[:200]
    return ""


def bounded(schema: dict[str, Any], longest: int = _LENGTHS[-1]) -> dict[str, Any]:
    """The schema with an end to every text and list, so that what is written ends before the tokens do."""
    out = {key: bounded(value, longest) if isinstance(value, dict) else value for key, value in schema.items()}
    if out.get("type") == "string" and not {"enum", "const", "format", "pattern"} & set(out):
        out.setdefault("maxLength", longest)
    if out.get("type") == "array":
        out.setdefault("maxItems", _MOST_ITEMS)
    return _closed(out) if out.get("type") == "object" and "properties" in out else out


def verbatim(schema: dict[str, Any], text: str) -> dict[str, Any]:
    """The schema with every plain text in it being words that stand so in `text`, or empty; for short texts only.

    A small model held to it cannot make a value up. One pattern with the words in their order makes a small grammar.
    """
    found = list(_WORD.finditer(text))
    if not 0 < len(found) <= _MOST_WORDS:
        return schema
    runs = "|".join(_run(text, found[at : at + _SPAN_WORDS]) for at in range(len(found)))
    among = {"type": "string", "pattern": f"^({runs})?$"}
    given = schema.get("properties", {}).items()
    return {**schema, "properties": {name: among if one == {"type": "string"} else one for name, one in given}}


def _run(text: str, found: Sequence[re.Match[str]]) -> str:
    """A pattern of the first of these words and, as far as one likes, those after it."""
    rest = ""
    for before, word in reversed(list(pairwise(found))):
        gap = text[before.end() : word.start()]
        plain = not _QUOTED.search(gap)  # what JSON escapes is not matched as it stands
        rest = f"({_plain(gap + word[0])}{rest})?" if plain else ""
    return _plain(found[0][0]) + rest


def _plain(text: str) -> str:
    """A pattern of that text alone."""
    return _SPECIAL.sub(r"\\\1", text)


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """An object with these properties, all of them, and no other."""
    return {"additionalProperties": False, "required": list(schema["properties"]), **schema}
