"""Which tools a message asks for: by its form, by a model that calls tools, or by the likeliest description.

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

from graphs.answer import Record
from graphs.context import Context
from graphs.errors import CrossroadsError, RefusedError, UsageError
from graphs.prompts import load_prompt
from graphs.tools.box import Call, schema_of
from graphs.tools.exact import exact
from graphs.tools.fill import SURE, fill

NEAR = 0.35
"""Cosine between message and description from which a tool may be meant; a guess that no measurement backs yet."""
MOST_CALLS = 4
_ABOUT_THE_USER = re.compile(r"\b(?:my|mine|i|me|our|ours|we|us)\b", re.IGNORECASE)
MEMORY = frozenset({"remember", "recall", "forget"})
COMPUTING = frozenset({"calculator", "convert_units", "add_to_date", "days_between", "weekday"})
BY_FORM = COMPUTING | MEMORY | {"fetch_page"}
"""Tools whose requests `exact` knows by their form, so that nearness need not be guessed."""


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
    near = _near(message, [tool for tool in box if tool.name not in BY_FORM], context, 0.0 if forced else NEAR)
    if not near:
        return Plan()
    if calls_tools(context.chat):
        try:
            return _checked(_native(message, earlier, list(box), context.chat), context, said)
        except RefusedError:
            pass  # the server knows no tools: choose as for a small model
    return _constrained(message, near[0], context, said)


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


def _near(message: str, tools: Sequence[BaseTool], context: Context, least: float) -> list[BaseTool]:
    """The tools whose description is like the message, the nearest first."""
    if not tools:
        return []
    here = context.encoder.embed_query(message)
    there = context.encoder.embed_documents([_about(tool) for tool in tools])
    scored = [
        (sum(a * b for a, b in zip(here, vector, strict=True)), tool) for vector, tool in zip(there, tools, strict=True)
    ]
    return [tool for score, tool in sorted(scored, key=lambda pair: -pair[0]) if score >= least]


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
    if not missing:
        return _checked([(tool.name, arguments)], context, said)
    return Plan(lacking=lacking(tool, arguments, missing))


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
