"""The chat graph: route → retrieve when needed → answer → check → `Answer`.

Run it with `thread_id` in the configuration and `durability="sync"`, so that every step is on disk before the next
begins; the input is `graphs.state.TurnInput`, events come on the custom stream, the finished state holds `answer`.
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.nodes.correct import correct, may_correct
from graphs.nodes.on_text import ON_TEXT, work_on_text
from graphs.nodes.respond import answer_directly, answer_from_passages, read
from graphs.nodes.route import NEEDS_DOCUMENTS, receive, rephrase_question, route
from graphs.nodes.tools import approve, clarify, plan_tools, use_tools
from graphs.nodes.verify import abstain, finish, verify
from graphs.state import ChatState, TurnInput


def after_route(state: ChatState) -> Literal["read", "approve", "clarify", "answer_directly", "work_on_text"]:
    """Where the chosen path begins."""
    path = state["decision"]["path"]
    if state["task"] and path in ON_TEXT:
        return "work_on_text"
    if path in NEEDS_DOCUMENTS:
        return "read"
    if path == "clarify":
        return "clarify"
    return "approve" if path == "tools" else "answer_directly"


def after_read(state: ChatState, runtime: Runtime[Context]) -> Literal["answer_from_passages", "correct", "abstain"]:
    """Without a passage that answers there is nothing to write from: search again, and at last give up."""
    if any(item["kept"] for item in state["evidence"]):
        return "answer_from_passages"
    return "correct" if may_correct(state, runtime.context) else "abstain"


def after_verify(state: ChatState) -> Literal["answer_from_passages", "finish"]:
    """An answer that its evidence does not support is tried once more on the path that was chosen next."""
    return "finish" if state["answer"] else "answer_from_passages"


def after_draft(state: ChatState) -> Literal["abstain", "finish"]:
    """A draft nobody could write ends in "I don't know"."""
    return "abstain" if state["draft"].get("unknown") else "finish"


def build_chat_graph(
    checkpointer: BaseCheckpointSaver[Any] | None = None,
) -> CompiledStateGraph[ChatState, Context, TurnInput, ChatState]:
    """The compiled graph; with a saver, threads persist and continue."""
    graph = StateGraph(ChatState, context_schema=Context, input_schema=TurnInput)
    for node in (receive, plan_tools, rephrase_question, route, read, answer_from_passages, answer_directly, verify):
        graph.add_node(node.__name__, node)
    for tool_node in (approve, use_tools, abstain, finish):
        graph.add_node(tool_node.__name__, tool_node)
    graph.add_node("clarify", clarify)
    graph.add_node("work_on_text", work_on_text)
    graph.add_edge(START, "receive")
    graph.add_edge("receive", "plan_tools")
    graph.add_edge("plan_tools", "rephrase_question")
    graph.add_edge("rephrase_question", "route")
    graph.add_conditional_edges("route", after_route)
    graph.add_conditional_edges("read", after_read)
    graph.add_node("correct", correct)
    graph.add_conditional_edges("correct", after_read)
    graph.add_edge("answer_from_passages", "verify")
    graph.add_conditional_edges("answer_directly", after_draft)
    graph.add_conditional_edges("work_on_text", after_draft)
    graph.add_edge("approve", "use_tools")
    graph.add_conditional_edges("use_tools", after_draft)
    graph.add_edge("clarify", "finish")
    graph.add_conditional_edges("verify", after_verify)
    graph.add_edge("abstain", "finish")
    graph.add_edge("finish", END)
    return graph.compile(checkpointer=checkpointer)
