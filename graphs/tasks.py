"""Tasks on a text that the message itself brings: what is wanted, and what it is wanted of, told apart by form."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Literal, get_args

from pydantic import Field

from graphs.answer import Record
from graphs.words import words

TaskName = Literal["summarise", "classify", "sentiment", "translate", "extract", "rewrite"]
TASKS: tuple[TaskName, ...] = get_args(TaskName)

_POLITE = r"^\W*(?:please\s+)?(?:(?:can|could|would|will) you\s+)?(?:please\s+)?"
_VERBS: tuple[tuple[TaskName, str], ...] = (
    ("sentiment", r"(?:what(?:'s| is) the sentiment|(?:classify|judge|give|tell|label|find) (?:me )?the sentiment|"
                  r"sentiment (?:of|analysis)|is (?:this|the following)\b.{0,40}\bpositive or negative)"),
    ("summarise", r"(?:summari[sz]e|give (?:me )?a summary|write a summary|sum up|tl;?dr|condense)"),
    ("classify", r"(?:classify|categori[sz]e|label|assign|which (?:of these )?(?:label|category|class|intent))"),
    ("translate", r"translate"),
    ("extract", r"(?:extract|pull out|list all the (?:names|dates|numbers))"),
    ("rewrite", r"(?:rewrite|rephrase|paraphrase|reword|shorten|simplify|proofread|correct|reformat|"
                r"fix (?:the |my )?(?:grammar|spelling)|make (?:this|it|the following)|"
                r"turn (?:this|it|the following))"),
)  # fmt: skip
_FORMS = [(name, re.compile(_POLITE + pattern + r"\b", re.IGNORECASE)) for name, pattern in _VERBS]
_QUOTED = re.compile(r"[\"“«](.{8,})[\"”»]", re.DOTALL)
_MARKED = re.compile(r"\b(?:text|message|sentence|review|passage|input|e-?mail|article)\s*:\s*", re.IGNORECASE)
_LANGUAGE = re.compile(r"\b(?:in)?to\s+([A-Z]?[a-z]{3,})\b")
_LIST = re.compile(
    r"(?:\b(?:labels?|categor(?:y|ies)|class(?:es)?|options|intents?)\b\s*(?:are|is)?\s*[:=(]|"
    r"\bone of(?: the following| these)?(?: [a-z]+)?\s*:?|\b(?:in)?to\b|\bas(?: either)?\b|\beither\b|:)\s*"
    r"([^\n:?]*?(?:,|\bor\b|/|;)[^\n:?)]*)",
    re.IGNORECASE,
)
_PARTS = re.compile(r"\s*(?:,|;|/|\bor\b|\band\b|\n)\s*", re.IGNORECASE)
_FIELDS = re.compile(
    r"\b(?:extract|pull out)\s+(.+?)\s*(?:\bfrom\b|\bin\b|\bas json\b|\bout of\b|:|\n|$)", re.IGNORECASE | re.DOTALL
)
_OF_DOCUMENT = re.compile(
    _POLITE + r"(?:summari[sz]e|(?:give|write|make|show)(?: me)? (?:a |the )?(?:short |brief )?summary of|sum up)\s+"
    r"(?:(?:the|my|our|this)\s+)?(?:(?:document|file|page|report|text|pdf)\s+)?(?:called\s+|named\s+)?(?P<name>\S.*)$",
    re.IGNORECASE,
)
_SENTIMENTS = ("positive", "negative", "neutral")
_LONG = 40
"""Words from which on a message brings its text with it, however it is set off."""


class Task(Record):
    """What is to be done with a text."""

    name: TaskName
    text: str
    """The text to work on."""
    instruction: str = ""
    """The user's own words about what to do."""
    labels: list[str] = Field(default_factory=list)
    language: str = ""
    form: dict[str, Any] = Field(default_factory=dict)
    """The JSON schema an extraction fills."""
    document: dict[str, str] = Field(default_factory=dict)
    """The loaded document to work on (`document_id`, `source`, `title`), where the message names one instead."""
    notice: str = ""
    """What the user must know of that choice."""


def find_task(message: str, labels: Sequence[str] = (), form: dict[str, Any] | None = None) -> Task | None:
    """The task a message asks for, or None where it asks for none or brings no text to work on.

    `labels` and `form` (a JSON schema) come from callers who say them outright; they make it a classification or an
    extraction whatever the words are.
    """
    instruction, text = split(message)
    if form:
        return Task(name="extract", text=text or message, instruction=instruction, form=form)
    if labels:
        return Task(name="classify", text=text or message, instruction=instruction, labels=list(labels))
    name = next((name for name, pattern in _FORMS if pattern.search(message[:240])), None)
    if name is None or not text:
        return None
    return _complete(name, instruction, text, message)


def names_document(message: str) -> str:
    """What a message calls the document it wants summarised; empty where it wants no such thing."""
    found = _OF_DOCUMENT.match(message.strip())
    return found["name"].strip(" .?!\"“”'") if found and len(words(message)) <= 20 else ""


def _complete(name: TaskName, instruction: str, text: str, message: str) -> Task | None:
    if name == "classify":
        found = listed(instruction) or listed(message.split("\n", 1)[0])
        return Task(name=name, text=text, instruction=instruction, labels=found) if len(found) > 1 else None
    if name == "sentiment":
        said = [label for label in _SENTIMENTS if label in message.lower()]
        return Task(name=name, text=text, instruction=instruction, labels=said if len(said) > 1 else list(_SENTIMENTS))
    if name == "translate":
        language = _LANGUAGE.search(instruction)
        return Task(name=name, text=text, instruction=instruction, language=language[1].title() if language else "")
    if name == "extract":
        form = schema_in(instruction) or fields(instruction)
        return Task(name=name, text=text, instruction=instruction, form=form) if form else None
    return Task(name=name, text=text, instruction=instruction)


def split(message: str) -> tuple[str, str]:
    """The instruction, and the text it is about; the text is empty where there is none.

    The text stands behind a label such as `Text:`, in quotation marks, below the first line, or behind a colon.
    """
    message = message.strip()
    marked = list(_MARKED.finditer(message))
    if marked and len(message) - marked[-1].end() > 3:
        return message[: marked[-1].start()].strip(), _bare(message[marked[-1].end() :])
    quoted = _QUOTED.search(message)
    if quoted and len(words(quoted[1])) >= 2:
        return (message[: quoted.start()] + message[quoted.end() :]).strip(), quoted[1].strip()
    head, broken, rest = message.partition("\n")
    if broken and rest.strip():
        return head.strip(), rest.strip()
    head, colon, rest = message.rpartition(":") if message.count(":") == 1 else message.partition(":")
    if colon and rest.strip() and len(head) < 300:
        return head.strip(), _bare(rest)
    return ("", message) if len(words(message)) > _LONG else (message, "")


def _bare(text: str) -> str:
    return text.strip().strip('"“”«»').strip()


def listed(instruction: str) -> list[str]:
    """The labels an instruction lists: `as spam, ham or other` gives three."""
    found = _LIST.search(instruction)
    if not found:
        return []
    parts = (part.strip(" .\"'“”()[]") for part in _PARTS.split(found[1]))
    return list(dict.fromkeys(part for part in parts if part and len(words(part)) <= 8))


def fields(instruction: str) -> dict[str, Any]:
    """A schema of the fields an instruction names: `extract the name and the age from …` gives two texts."""
    found = _FIELDS.search(instruction + "\n")
    if not found:
        return {}
    names = [re.sub(r"^(?:the|all|any|its|their|a|an)\s+", "", part.strip(" .\"'“”").lower())
             for part in _PARTS.split(found[1])]  # fmt: skip
    keys = [re.sub(r"\W+", "_", name).strip("_") for name in names if name and len(words(name)) <= 4]
    if not keys:
        return {}
    return {"type": "object", "properties": {key: {"type": "string"} for key in keys}, "required": keys}


def schema_in(instruction: str) -> dict[str, Any]:
    """The JSON schema that stands in an instruction, if any."""
    begin = instruction.find("{")
    try:
        value, _ = json.JSONDecoder().raw_decode(instruction[begin:]) if begin >= 0 else ({}, 0)
    except ValueError:
        return {}
    return value if isinstance(value, dict) and value.get("type") == "object" else {}
