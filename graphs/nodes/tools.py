"""Plan tools from the user's words, ask a person where one acts, run them, and show what they gave."""

from __future__ import annotations

import time
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.tools import ToolException
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from graphs.answer import Answer, Approval, Passage, RouteDecision
from graphs.context import Context, Reading
from graphs.errors import CrossroadsError
from graphs.events import Status, Token
from graphs.links import as_data
from graphs.nodes.common import elapsed, emit
from graphs.state import ChatState
from graphs.tools.box import Call
from graphs.tools.choose import TABLES, Plan, lacking, plan
from graphs.unclear import meant, unclear

SHOWN = 4000
"""Characters of a tool's output that are shown; that it was cut is said."""


def plan_tools(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Decide from the user's own words whether tools are asked for, before any document is read."""
    since, context, forced = time.time(), runtime.context, state.get("forced", "auto")
    left_alone = context.given is not None or (state["task"] and forced == "auto")
    chosen = _chosen(state)
    if chosen:
        return {**chosen, "calls": [], "lacking": {}}
    if left_alone or forced not in ("auto", "tools") or not len(context.tools):
        return {"calls": [], "lacking": {}}
    made = _continued(state, context) or plan(state["question"], _said_before(state), context, forced=forced == "tools")
    notices = [*state["notices"], made.notice] if made.notice else state["notices"]
    asked = made.calls
    if context.tables is not None and all(call.tool == TABLES for call in asked):
        asked = []  # `look_in_tables` comes next
    calls = [call.model_dump() for call in asked]
    return {"calls": calls, "lacking": made.lacking, "notices": notices, "timing": elapsed(state, "route", since)}


def _chosen(state: ChatState) -> dict[str, Any]:
    """The question the turn before asked about, in the document this message names; empty where it names none."""
    before = state.get("lacking") or {}
    number = meant(state["question"], before) if before.get("titles") else None
    if number is None:
        return {}
    return {"standalone": f"{before['about']} ({before['titles'][number]})", "only": before["documents"][number]}


def _continued(state: ChatState, context: Context) -> Plan | None:
    """The call the turn before asked about, with this message as what it lacked."""
    before = state.get("lacking") or {}
    if not before or before.get("tool") not in context.tools:
        return None
    tool, missing = context.tools.get(before["tool"]), list(before["missing"])
    arguments = {**before["arguments"], missing[0]: _typed(state["question"], tool, missing[0])}
    if missing[1:]:
        return Plan(lacking=lacking(tool, arguments, missing[1:]))
    try:
        return Plan(calls=[context.tools.call(tool.name, arguments, state["question"])])
    except CrossroadsError:
        return Plan(lacking=lacking(tool, before["arguments"], missing))


def _typed(text: str, tool: Any, name: str) -> Any:
    from graphs.tools.box import schema_of

    kind = schema_of(tool).get("properties", {}).get(name, {}).get("type")
    plain = text.strip().rstrip(".")
    try:
        return {"integer": int, "number": float}.get(kind, str)(plain)
    except ValueError:
        return plain


def _said_before(state: ChatState) -> list[str]:
    """What the user wrote earlier in this conversation: answers may hold words of documents, so they stay out."""
    messages = [m for m in state.get("messages", []) if isinstance(m, HumanMessage) and m.id != state["question_id"]]
    return [str(message.content) for message in messages]


def planned(state: ChatState, scores: dict[Any, float]) -> RouteDecision | None:
    """The decision the plan makes; None where it leaves the choice to the router."""
    forced = state.get("forced", "auto") == "tools"
    if state.get("lacking"):
        reason = f"The tool {state['lacking']['tool']} needs something your message does not say."
        return RouteDecision(path="clarify", reason=reason, confidence=1.0, scores={**scores, "clarify": 1.0})
    if not state.get("calls"):
        return None
    names = " and ".join(dict.fromkeys(call["tool"].replace("_", " ") for call in state["calls"]))
    reason = "You chose this path." if forced else _why(names)
    return RouteDecision(path="tools", reason=reason, confidence=1.0, scores={**scores, "tools": 1.0}, forced=forced)


def _why(names: str) -> str:
    if names == "calculator":
        return "This is arithmetic, so the calculator works it out."
    return f"Your message asks for what the tool {names} does."


def approve(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Wait until a person has agreed to the calls that act. Nothing has run by then; a restart loses nothing."""
    calls = [Call(**call) for call in state["calls"]]
    acting = [call for call in calls if call.acts]
    if not acting:
        return {}
    if runtime.context.ledger is None:
        notice = "A tool that acts needs your consent, and that needs a stored conversation. It was not run."
        return {"calls": [call.model_dump() for call in calls if not call.acts], "notices": [*state["notices"], notice]}
    agreed = interrupt(_asking(state, acting).model_dump())
    allowed = set(agreed.get("approved", [])) if isinstance(agreed, dict) else set()
    kept = [call for call in calls if not call.acts or call.call_id in allowed]
    refused = [call.tool for call in acting if call.call_id not in allowed]
    notices = [f"You did not agree to {tool}, so it was not run." for tool in refused]
    return {"calls": [call.model_dump() for call in kept], "notices": [*state["notices"], *notices]}


def _asking(state: ChatState, acting: list[Call]) -> Answer:
    """What is shown while it waits."""
    approvals = [Approval(call_id=call.call_id, tool=call.tool, arguments=call.arguments) for call in acting]
    lines = "\n".join(f"- {one.tool}: {described(one.arguments)}" for one in approvals)
    text = f"I need your consent before I do this:\n\n{lines}"
    decision = RouteDecision(**state["decision"])
    return Answer(
        text=text, route=decision, pending=approvals, answer_id=state["answer_id"], question=state["standalone"]
    )


def described(arguments: dict[str, Any]) -> str:
    """Arguments as a person reads them."""
    return ", ".join(f"{name} = {value!r}" for name, value in arguments.items()) or "without arguments"


def use_tools(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Run the planned calls in order; what they give is shown as it is, as data."""
    since, context = time.time(), runtime.context
    calls = [Call(**call) for call in state["calls"]]
    results = []
    for call in calls:
        if context.cancel.is_set():
            break
        emit(Status(text=f"using {call.tool.replace('_', ' ')}"))
        results.append((call, *_run(call, context)))
    timing = elapsed(state, "generate", since)
    if not results:
        return {"draft": {"unknown": True, "model": "tools", "stopped": context.cancel.is_set()}, "timing": timing}
    text = "\n\n".join(_shown(*result, alone=len(results) == 1) for result in results)
    emit(Token(text=text))
    timing["first_token"] = (time.time() - timing["started"]) * 1000
    names = ", ".join(dict.fromkeys(call.tool for call in calls))
    return {"draft": {"text": text, "model": names, "stopped": context.cancel.is_set()}, "timing": timing}


def _run(call: Call, context: Context) -> tuple[bool, str]:
    """Whether a call went well, and what it gave. One that acts is begun once, whatever happens."""
    if call.acts and context.ledger is not None and not context.ledger.begin(call.call_id):
        return (
            False,
            "This had begun before the work broke off. Whether it took effect is not known; it was not repeated.",
        )
    try:
        given = context.tools.get(call.tool).invoke(dict(call.arguments))
    except ToolException as error:
        return False, str(error)
    except CrossroadsError as error:
        return False, str(error)
    except Exception as error:  # a tool of somebody else's may raise anything
        return False, f"{type(error).__name__}: {error}"
    return True, as_text(given)


def as_text(given: Any) -> str:
    """A tool's output as text: content blocks of MCP become their text, other things are named only."""
    if isinstance(given, tuple):
        given = given[0]
    if isinstance(given, list):
        return "\n".join(_block(block) for block in given)
    return str(given)


def _block(block: Any) -> str:
    return str(block.get("text", f"[{block.get('type', 'data')}]")) if isinstance(block, dict) else str(block)


def _shown(call: Call, good: bool, text: str, *, alone: bool) -> str:
    from graphs.tools.choose import BY_FORM

    if not good:
        return f"{call.tool} could not do it: {as_data(text[:SHOWN])}"
    if call.tool in BY_FORM - {"fetch_page"}:  # what these say is ours and the user's own
        return text
    cut = f"\n(cut: the first {SHOWN:,} of {len(text):,} characters)" if len(text) > SHOWN else ""
    lead = "" if alone else f"{call.tool}:\n\n"
    return f"{lead}What {call.tool} gave, word for word:\n\n{as_data(text[:SHOWN])}{cut}"


def which_is_meant(state: ChatState) -> dict[str, Any]:
    """What to ask back where the question fits several documents; empty where one is meant already."""
    if state.get("only") or not state["passages"]:
        return {}
    passages = [Passage(**item) for item in state["passages"]]
    return unclear(state["standalone"], passages, [Reading(**item) for item in state["readings"]])


def clarify(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the one thing that is missing; the next message in this conversation is taken as the answer."""
    del runtime
    lacking = state["lacking"] or which_is_meant(state)
    question = str(lacking["question"])
    emit(Token(text=question))
    decision = state["decision"]
    if decision["path"] != "clarify":
        reason = "Your question fits several of your documents, and they say different things."
        decision = {**decision, "path": "clarify", "reason": reason}
    draft = {"text": question, "model": "crossroads"}
    return {"answer": {"text": question}, "draft": draft, "lacking": lacking, "decision": decision}
