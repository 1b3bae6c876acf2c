"""Questions that a loaded table answers by computing: worked out exactly, with the rows as sources."""

from __future__ import annotations

import time
from typing import Any

from langgraph.runtime import Runtime

from graphs.answer import RouteDecision, TableAnswer
from graphs.context import Context
from graphs.errors import CrossroadsError
from graphs.events import Token
from graphs.nodes.common import elapsed, emit
from graphs.state import ChatState

_PATHS = ("auto", "tools", "rag", "tuned_rag")


def look_in_tables(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Work a question out on a table, where it asks for that and nothing else was planned for it."""
    context, forced, since = runtime.context, state.get("forced", "auto"), time.time()
    taken = state.get("calls") or state.get("lacking") or state.get("task")
    if context.tables is None or context.given is not None or taken or forced not in _PATHS:
        return {"table": {}}
    try:
        found = context.tables.answer(state["question"])
    except CrossroadsError as error:
        return {"table": {}, "notices": [*state["notices"], f"A table could not be read: {error.message}"]}
    return {"table": found.model_dump() if found else {}, "timing": elapsed(state, "retrieve", since)}


def table_decision(state: ChatState, scores: dict[Any, float]) -> RouteDecision | None:
    """The path of a question that a table answers; None where none does."""
    if not state.get("table"):
        return None
    forced = state.get("forced", "auto") != "auto"
    table = state["table"]["table"]
    reason = (
        "You chose this path." if forced else f"This asks for a figure from {table}, so it is computed on its rows."
    )
    path: Any = state["forced"] if forced else "tools"
    return RouteDecision(path=path, reason=reason, confidence=1.0, scores={**scores, path: 1.0}, forced=forced)


def answer_from_table(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """What was computed, with the rows it rests on; or that the table does not say."""
    del runtime  # the table said everything
    found = TableAnswer(**state["table"])
    timing = elapsed(state, "generate", time.time())
    emit(Token(text=found.text))
    timing["first_token"] = (time.time() - timing["started"]) * 1000
    part = found.model_dump(exclude={"table"})
    return {"answer": part, "draft": {"text": found.text, "model": "table"}, "timing": timing}
