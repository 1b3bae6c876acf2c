"""The chat graph: route → retrieve when needed → answer → check → `Answer`.

Run it with `thread_id` in the configuration; with `durability="sync"` every step is saved before the next begins, with
`"exit"` the last one, where the run ends, waits or breaks. The input is `graphs.state.TurnInput`, events come on the
custom stream, the finished state holds `answer`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, Literal, get_args, get_type_hints

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.nodes.correct import correct, may_correct
from graphs.nodes.on_text import ON_TEXT, work_on_text
from graphs.nodes.repeat import repeat
from graphs.nodes.respond import answer_directly, answer_from_passages, read
from graphs.nodes.route import NEEDS_DOCUMENTS, receive, rephrase_question, route
from graphs.nodes.tables import answer_from_table, look_in_tables
from graphs.nodes.tools import approve, clarify, plan_tools, use_tools, which_is_meant
from graphs.nodes.verify import abstain, finish, run_out, verify
from graphs.state import ChatState, TurnInput

Node = Callable[..., dict[str, Any]]
Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


def after_receive(state: ChatState) -> Literal["repeat", "plan_tools"]:
    """A question that was answered before, on what is there still, is not worked on again."""
    return "repeat" if state["repeated"] else "plan_tools"


def after_route(
    state: ChatState,
) -> Literal["read", "approve", "clarify", "answer_directly", "work_on_text", "answer_from_table"]:
    """Where the chosen path begins."""
    path = state["decision"]["path"]
    if state.get("table"):
        return "answer_from_table"
    if state["task"] and (path in ON_TEXT or state["task"].get("document")):
        return "work_on_text"
    if path in NEEDS_DOCUMENTS:
        return "read"
    if path == "clarify":
        return "clarify"
    return "approve" if path == "tools" else "answer_directly"


def after_read(
    state: ChatState, runtime: Runtime[Context]
) -> Literal["clarify", "answer_from_passages", "correct", "abstain"]:
    """Without a passage that answers there is nothing to write from: search again, and at last give up."""
    if not state["decision"]["forced"] and runtime.context.limits.clarify and which_is_meant(state):
        return "clarify"
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
    checkpointer: BaseCheckpointSaver[Any] | None = None, wrap: Wrap = lambda node: node, context_schema: Any = Context
) -> CompiledStateGraph[ChatState, Context, TurnInput, ChatState]:
    """The compiled graph; with a saver, threads persist and continue.

    `wrap` puts something around every node, for a host that hands in another kind of context (`context_schema`).
    """
    graph = StateGraph(ChatState, context_schema=context_schema, input_schema=TurnInput)
    graph.add_edge(START, "receive")
    for node, leads_to in EDGES.items():
        graph.add_node(node.__name__, wrap(metered(node) if node not in ENDINGS else node))
        choose, names = _onward(leads_to, can_run_out=node not in ENDINGS)
        graph.add_conditional_edges(node.__name__, wrap(choose), names)
    compiled: CompiledStateGraph[ChatState, Context, TurnInput, ChatState] = graph.compile(checkpointer=checkpointer)
    return compiled


EDGES: dict[Node, str | Callable[..., str]] = {
    receive: after_receive,
    repeat: "finish",
    plan_tools: "look_in_tables",
    look_in_tables: "rephrase_question",
    rephrase_question: "route",
    route: after_route,
    read: after_read,
    correct: after_read,
    answer_from_passages: "verify",
    answer_directly: after_draft,
    work_on_text: after_draft,
    answer_from_table: "finish",
    approve: "use_tools",
    use_tools: after_draft,
    clarify: "finish",
    verify: after_verify,
    abstain: "finish",
    run_out: "finish",
    finish: END,
}
"""What follows each node: a node's name, or what chooses among those its annotation lists."""
ENDINGS = (receive, repeat, approve, clarify, verify, abstain, run_out, finish)
"""Nodes that run also when the budget is used up: what was found is still checked, said and saved."""


def metered(node: Node) -> Node:
    """A node that does nothing but say so once the run's budget is used up."""

    @wraps(node)
    def run(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
        meter = runtime.context.meter
        if spent := meter.spent():
            return {"spent": spent}
        meter.steps += 1
        return node(state, runtime)

    return run


def _onward(leads_to: str | Callable[..., str], *, can_run_out: bool) -> tuple[Callable[..., str], list[str]]:
    """What chooses the next node, and all it may choose."""
    names = [leads_to] if isinstance(leads_to, str) else list(get_args(get_type_hints(leads_to)["return"]))

    reads_runtime = callable(leads_to) and "runtime" in signature(leads_to).parameters

    def onward(state: ChatState, runtime: Runtime[Context]) -> str:
        if can_run_out and state.get("spent"):
            return "run_out"
        if isinstance(leads_to, str):
            return leads_to
        return leads_to(state, runtime) if reads_runtime else leads_to(state)

    return onward, [*names, "run_out"] if can_run_out else names
