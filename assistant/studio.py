"""The graph for LangGraph's own server and studio: `langgraph.json` names `graph`.

It has no checkpointer, because the server brings its own. What a run may use is put together here from the home's
settings, so a run needs only a `question`; its context may name a `collection` and a `model`.
"""

from __future__ import annotations

import threading
import uuid
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypedDict

from assistant.records import Request

if TYPE_CHECKING:
    from assistant.app import Assistant
    from graphs.context import Context


class StudioContext(TypedDict, total=False):
    """What a run in the studio may choose."""

    collection: str
    model: str


def graph() -> Any:
    """The compiled chat graph; the assistant behind it opens with the first run."""
    from graphs.chat import build_chat_graph

    return build_chat_graph(wrap=_with_context, context_schema=StudioContext)


@cache
def assistant() -> Assistant:
    """The assistant of the configured home, opened once."""
    from assistant.app import open_assistant
    from assistant.config import load_settings

    return open_assistant(load_settings())


def _with_context(node: Any) -> Any:
    """A node, or what chooses the next one, with the assistant's context in place of the studio's."""

    @wraps(node)
    def run(state: Any, runtime: Any) -> Any:
        fresh = _fresh(state) if node.__name__ == "receive" else {}
        state = {**state, **fresh}
        chosen = runtime.context or {}
        context = _context(state["question_id"], chosen.get("collection", ""), chosen.get("model", ""))
        done = node(state, runtime.override(context=context))
        return {**fresh, **done} if fresh else done

    return run


def _fresh(state: Any) -> dict[str, Any]:
    """A turn's ids; its question is the one given, else the last message."""
    messages = state.get("messages", [])
    asked = messages[-1].content if messages and messages[-1].type == "human" else state.get("question", "")
    ids = {"question_id": uuid.uuid4().hex, "answer_id": uuid.uuid4().hex, "forced": state.get("forced", "auto")}
    return {"question": str(asked), **ids}


_contexts: dict[str, Context] = {}


def _context(question_id: str, collection: str, model: str) -> Context:
    """One context a turn, so that its meter counts the whole turn."""
    from assistant.answering import context_for

    if question_id not in _contexts:
        _contexts.clear() if len(_contexts) > 64 else None
        request = Request(question="-", collection=collection, model=model, history=[])
        _contexts[question_id] = context_for(assistant(), request, threading.Event())
    return _contexts[question_id]
