"""Give an answer again that the same question had before, and say so."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from graphs.answer import Answer
from graphs.context import Context
from graphs.events import Routed, Token
from graphs.nodes.common import emit, step
from graphs.state import ChatState

REPEATED = "The same question was answered before; this is that answer, and nothing it rests on has changed since."
_PART = ("text", "citations", "grounding", "abstained", "quoted")
_DRAFT = ("model", "prompt", "examples", "data")


def repeat(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """The kept answer as this turn's own; no model is asked and nothing is searched."""
    del runtime
    kept = Answer(**state["repeated"])
    emit(Routed(decision=kept.route))
    emit(Token(text=kept.text))
    record = kept.model_dump()
    return {
        "answer": {name: record[name] for name in _PART} | {"repeated": True},
        "draft": {name: record[name] for name in _DRAFT},
        "decision": record["route"],
        "evidence": record["evidence"],
        "standalone": kept.question,
        "notices": [*record["notices"], REPEATED],
        "steps": [*record["steps"], *step({**state, "steps": []}, "repeat", "answered before, so given again")],
        "repeated": {},
    }
