"""Which tools a message asks for: by its form, by a model that calls tools, or by the likeliest description.

Where a model does not call tools, descriptions decide; of tools about as near the model names one, held to their names
(`graphs.constrained`), and it may fill what form and reader left open, held to the schema and to the user's own words.

Only the user's own words go in: no answer given before, no document, no output of a tool.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import BaseTool
from pydantic import Field

from graphs import constrained
from graphs.answer import Record
from graphs.context import Context
from graphs.errors import CrossroadsError, RefusedError, UsageError
from graphs.prompts import load_prompt
from graphs.tools.box import Call, schema_of
from graphs.tools.exact import exact
from graphs.tools.fill import SURE, fill
from graphs.words import words

_ALIKE = 0.05
"""Tools whose descriptions are as near as the nearest but for this: the model chooses among them."""
_MOST_ALIKE = 4
NEAR = 0.35
"""Cosine between message and description from which a tool may be meant; a guess that no measurement backs yet."""
MOST_CALLS = 4
_ABOUT_THE_USER = re.compile(r"\b(?:my|mine|i|me|our|ours|we|us)\b", re.IGNORECASE)
MEMORY = frozenset({"remember", "recall", "forget"})
COMPUTING = frozenset({"calculator", "convert_units", "add_to_date", "days_between", "weekday"})
BY_FORM = COMPUTING | MEMORY | {"fetch_page"}
"""Tools whose requests `exact` knows by their form, so that nearness need not be guessed."""

SEARCHING = "search_documents"
"""Never guessed from a message: questions are searched by the paths for documents, which also read, check and cite."""
TABLES = "query_tables"
"""Never planned alone where the graph looks in tables itself: its own answer cites the rows, a tool's output cannot."""


class Plan(Record):
    """What a message asks of the tools."""

    calls: list[Call] = Field(default_factory=list)
    lacking: dict[str, Any] = Field(default_factory=dict)
    """A call that cannot be made yet: `tool`, `arguments` found so far, `missing` names and a `question` for them."""
    notice: str = ""


def plan(message: str, earlier: Sequence[str], context: Context, *, forced: bool) -> Plan:
    """The calls a message asks for. `earlier` are the user's own earlier messages; `forced` takes the nearest tool."""
    box = context.tools
    said = "\n".join([*earlier, message])
    wanted = exact(message)
    if wanted and wanted[0] in box:
        return _checked([wanted], context, said)
    if (fact := _remembered(message, context)) and "recall" in box:
        return Plan(calls=[box.call("recall", {"about": fact}, said)])
    guessed = [tool for tool in box if tool.name not in BY_FORM and (forced or tool.name != SEARCHING)]
    near = _near(message, guessed, context, 0.0 if forced else NEAR)
    if not near:
        return Plan()
    if calls_tools(context.chat):
        try:
            return _checked(_native(message, earlier, list(box), context.chat), context, said)
        except RefusedError:
            pass  # the server knows no tools: choose as for a small model
    return _constrained(message, _chosen(message, near, context), context, said)


def _remembered(message: str, context: Context) -> str:
    """The remembered fact that answers a question about the user; empty where none does."""
    if not context.facts or context.reader is None or not _ABOUT_THE_USER.search(message):
        return ""
    readings = context.reader.read(message, context.facts)
    best = max(range(len(readings)), key=lambda number: readings[number].answerable)
    return context.facts[best] if readings[best].answerable >= SURE else ""


def calls_tools(model: BaseChatModel) -> bool:
    """Whether a model calls tools by itself."""
    asked = getattr(model, "calls_tools", None)
    return bool(asked()) if callable(asked) else type(model).bind_tools is not BaseChatModel.bind_tools


def _near(message: str, tools: Sequence[BaseTool], context: Context, least: float) -> list[tuple[float, BaseTool]]:
    """The tools whose description is like the message, each with its cosine, the nearest first."""
    if not tools:
        return []
    here = context.encoder.embed_query(message)
    there = context.encoder.embed_documents([_about(tool) for tool in tools])
    scored = [
        (sum(a * b for a, b in zip(here, vector, strict=True)), tool) for vector, tool in zip(there, tools, strict=True)
    ]
    return [(score, tool) for score, tool in sorted(scored, key=lambda pair: -pair[0]) if score >= least]


def _chosen(message: str, near: Sequence[tuple[float, BaseTool]], context: Context) -> BaseTool:
    """The nearest tool; of several about as near, the one the model names, where it can be held to their names."""
    alike = [tool for score, tool in near if score >= near[0][0] - _ALIKE][:_MOST_ALIKE]
    if len(alike) == 1 or not constrained.how(context.chat):
        return alike[0]
    system, _ = load_prompt("tools")
    listed = "\n".join(f"- {tool.name}: {_about(tool)}" for tool in alike)
    asked = [SystemMessage(f"{system}\n\nTools:\n{listed}\n\nAnswer with the name of one tool."), HumanMessage(message)]
    name, _ = constrained.choose(context.chat, asked, [tool.name for tool in alike])
    return next((tool for tool in alike if tool.name == name), alike[0])


def _about(tool: BaseTool) -> str:
    first = tool.description.strip().split("\n\n")[0]
    return f"{tool.name.replace('_', ' ')}: {first}"


def _native(
    message: str, earlier: Sequence[str], tools: Sequence[BaseTool], model: BaseChatModel
) -> list[tuple[str, dict[str, Any]]]:
    system, _ = load_prompt("tools")
    before = [HumanMessage(text) for text in earlier[-4:]]
    if before:  # several user messages in a row are refused by some servers
        before = [HumanMessage("Earlier I wrote:\n" + "\n".join(str(one.content) for one in before))]
        message = f"{before[0].content}\n\nNow: {message}"
    reply = model.bind_tools(list(tools)).invoke([SystemMessage(system), HumanMessage(message)], temperature=0)
    return [(call["name"], dict(call["args"])) for call in getattr(reply, "tool_calls", [])[:MOST_CALLS]]


def _constrained(message: str, tool: BaseTool, context: Context, said: str) -> Plan:
    schema = schema_of(tool)
    arguments, missing = fill(schema, message, context.reader)
    arguments |= _written(schema, missing, message, context)
    missing = [name for name in missing if name not in arguments]
    if not missing:
        return _checked([(tool.name, arguments)], context, said)
    return Plan(lacking=lacking(tool, arguments, missing))


def _written(schema: dict[str, Any], missing: Sequence[str], message: str, context: Context) -> dict[str, Any]:
    """What a model that can be held to a schema makes of the arguments still missing, as far as the user said it."""
    if not missing or not constrained.how(context.chat):
        return {}
    form = {"type": "object", "properties": {name: schema["properties"][name] for name in missing}}
    form |= {"required": list(missing)} | ({"$defs": schema["$defs"]} if "$defs" in schema else {})
    system, _ = load_prompt("tools")
    value, _ = constrained.fill(context.chat, [SystemMessage(system), HumanMessage(message)], form)
    said = f" {' '.join(words(message))} "
    return {
        name: one for name, one in (value or {}).items() if f" {' '.join(words(str(one)))} " in said and words(str(one))
    }


def lacking(tool: BaseTool, arguments: dict[str, Any], missing: Sequence[str]) -> dict[str, Any]:
    """What to remember of a call that lacks something, with the short question that asks for it."""
    about = schema_of(tool).get("properties", {}).get(missing[0], {})
    described = str(about.get("description") or missing[0].replace("_", " ")).rstrip(".")
    question = f"For {tool.name.replace('_', ' ')} I need one more thing: {described[0].lower()}{described[1:]}?"
    return {"tool": tool.name, "arguments": arguments, "missing": list(missing), "question": question}


def _checked(wanted: Sequence[tuple[str, dict[str, Any]]], context: Context, said: str) -> Plan:
    """The calls that fit; one that lacks a required argument is asked about, one that does not fit is told."""
    calls, notices = [], []
    for name, arguments in wanted:
        try:
            tool = context.tools.get(name)
            missing = [key for key in schema_of(tool).get("required", []) if arguments.get(key) in (None, "")]
            if missing:
                known = {key: value for key, value in arguments.items() if key not in missing}
                return Plan(lacking=lacking(tool, known, missing))
            calls.append(context.tools.call(name, arguments, said))
        except UsageError as error:
            notices.append(str(error))
        except CrossroadsError:
            raise
    return Plan(calls=calls, notice=" ".join(notices))
