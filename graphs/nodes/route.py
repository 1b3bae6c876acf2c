"""Take the question in, make it stand alone, and choose the path."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import HumanMessage
from langgraph.runtime import Runtime

from graphs.answer import Passage, RouteDecision
from graphs.context import Context
from graphs.errors import UsageError
from graphs.events import Found as FoundPassages
from graphs.events import Routed, Status
from graphs.followup import is_follow_up, rephrase
from graphs.nodes.common import elapsed, emit, history
from graphs.nodes.tables import table_decision
from graphs.nodes.tools import planned
from graphs.repeats import kept_answer
from graphs.routing import ABOUT, Look, Probe, available_paths, decide, kind_of, probe_of
from graphs.searching import Searched, search
from graphs.seen import Found, see
from graphs.state import ChatState
from graphs.tasks import Task, find_task, names_document

NEEDS_DOCUMENTS = ("rag", "tuned_rag")
_NEAR_EXAMPLE = 0.4
"""Cosine from which on a worked example is near enough to be followed, where no router was learned."""


def receive(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Save the question before anything else happens, and forget the turn before."""
    forced = state.get("forced", "auto")
    if forced not in ("auto", *available_paths(runtime.context)):
        raise UsageError(f"The path {forced!r} cannot be taken now.", _path_cure(forced, runtime.context))
    task = find_task(state["question"], state.get("labels", []), state.get("form")) or _of_document(
        state, runtime.context
    )
    before = kept_answer(state, runtime.context)
    return {
        "messages": [HumanMessage(state["question"], id=state["question_id"])],
        "repeated": before.model_dump() if before else {},
        "standalone": state["question"],
        "task": task.model_dump() if task else {},
        "steps": [],
        "searches": [],
        "left": [],
        "passages": [],
        "evidence": [],
        "readings": [],
        "draft": {},
        "calls": [],
        "spent": "",
        "only": "",
        "decision": {},
        "answer": {},
        "notices": [*runtime.context.notices, *([task.notice] if task and task.notice else [])],
        "timing": {"started": time.time()},
    }


def _of_document(state: ChatState, context: Context) -> Task | None:
    """A summary of the loaded document the message names."""
    name = names_document(state["question"])
    if not name or context.documents is None or state.get("forced", "auto") not in ("auto", *NEEDS_DOCUMENTS):
        return None
    found = context.documents.named(name)
    if found is None:
        return None
    told = f"{found.alike} documents are called so; this is the one loaded last, from {found.source}."
    return Task(
        name="summarise",
        text="",
        instruction=state["question"],
        document=found.model_dump(include={"document_id", "source", "title"}),
        notice=told if found.alike > 1 else "",
    )


def _of_whole(state: ChatState, context: Context) -> RouteDecision | None:
    """The path of a summary of a loaded document; None for anything else."""
    if not state["task"] or not (document := state["task"].get("document")):
        return None
    forced = state.get("forced", "auto") != "auto"
    path: Any = state["forced"] if forced else "tuned_rag" if context.tuned is not None else "rag"
    reason = "You chose this path." if forced else f"You named “{document['title']}”, so all of it is summarised."
    return RouteDecision(path=path, reason=reason, confidence=1.0, scores={path: 1.0}, forced=forced)


def _path_cure(path: str, context: Context) -> str:
    if path in ("tuned", "tuned_rag") and context.tuned is None:
        return "Name a tuned model in the setting models.tuned, or choose another path."
    if path in NEEDS_DOCUMENTS:
        return context.notices[0] if context.notices else f"Load documents into {context.corpus.collection!r} first."
    return f"Choose one of: auto, {', '.join(available_paths(context))}."


def rephrase_question(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Turn a follow-up into a question that stands alone; leave every other question as it is."""
    since, context = time.time(), runtime.context
    question, kind = state["question"], kind_of(state["question"])
    if state.get("calls") or state.get("lacking") or state.get("only") or state.get("table"):
        return {}
    if kind == "self":
        return {"standalone": ABOUT}
    before = history(state, context.limits.history_messages)
    if context.given is not None or not is_follow_up(question, before) or kind != "question":
        return {}
    emit(Status(text="reading the conversation"))
    return {"standalone": rephrase(question, before, context.chat), "timing": elapsed(state, "route", since)}


def route(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Probe the documents where that can matter, and decide."""
    since, context = time.time(), runtime.context
    forced, question = state.get("forced", "auto"), state["standalone"]
    kind = kind_of(state["question"])
    none = dict.fromkeys(available_paths(context), 0.0)
    if tools := planned(state, none) or table_decision(state, none) or _of_whole(state, context):
        emit(Routed(decision=tools))
        return {"decision": tools.model_dump(), "timing": elapsed(state, "route", since)}
    notices, passages, found = list(state["notices"]), [], Searched()
    if context.given is not None:
        passages = context.given
    elif context.retriever is not None and (kind in ("question", "self") or forced in NEEDS_DOCUMENTS):
        emit(Status(text=f"searching {context.corpus.documents} documents"))
        found = search(question, context)
        notices += found.notices
        passages = [one for one in found.passages if one.document_id == state["only"]] or found.passages
    timing = elapsed(state, "retrieve", since)
    decision = _decided(state, context, passages, forced, by_rules=found.by_words)
    if found.lost:
        decision = _without_store(decision, notices[-1])
    emit(Routed(decision=decision))
    if decision.path in NEEDS_DOCUMENTS:
        emit(FoundPassages(passages=passages))
    timing["route"] = timing.get("route", 0.0) + (time.time() - since) * 1000 - timing["retrieve"]
    return {
        "decision": decision.model_dump(),
        "passages": [passage.model_dump() for passage in passages],
        "notices": notices,
        "timing": timing,
    }


def look_at(
    message: str, standalone: str, task: Task | None, context: Context, passages: Sequence[Passage]
) -> tuple[Probe | None, Look]:
    """What the router looks at: the measures of a message and its embedding; and the probe the reason speaks of."""
    probe = probe_of(standalone, [(passage.text, passage.similarity, passage.title) for passage in passages])
    text = task.text if task else standalone
    found = Found(
        similarities=[passage.similarity for passage in passages],
        coverage=probe.coverage if probe else 0.0,
        chunks=context.corpus.chunks if passages else 0,
        example=context.examples.nearest(task.name if task else "answer", text) if context.examples else 0.0,
    )
    return probe, Look(see(message, kind_of(message), task, found), context.encoder.embed_query(text))


def _decided(
    state: ChatState, context: Context, passages: Sequence[Passage], forced: str, *, by_rules: bool
) -> RouteDecision:
    """What the router says or, `by_rules`, where it would need a vector that cannot be had, what the rules say."""
    message, standalone = state["question"], state["standalone"]
    task = Task(**state["task"]) if state["task"] else None
    unlearned = context.router is None or context.router.model != context.model_name
    if unlearned or context.given is not None or by_rules:
        found = [(passage.text, passage.similarity, passage.title) for passage in passages]
        decision = decide(message, context, probe_of(standalone, found), forced=forced)
        return _with_examples(decision, task, context) if task else decision
    return decide(message, context, *look_at(message, standalone, task, context, passages), forced=forced)


def _with_examples(decision: RouteDecision, task: Task, context: Context) -> RouteDecision:
    """Without a router: a task the user keeps near examples of is done as they show."""
    near = context.examples.nearest(task.name, task.text) if context.examples else 0.0
    if decision.path != "zero_shot" or decision.forced or near < _NEAR_EXAMPLE:
        return decision
    reason = f"You keep worked examples of this; the nearest is {near:.0%} alike."
    scores = {**decision.scores, "few_shot": round(near, 4), "zero_shot": round(1 - near, 4)}
    return decision.model_copy(update={"path": "few_shot", "reason": reason, "scores": scores, "confidence": near})


def _without_store(decision: RouteDecision, notice: str) -> RouteDecision:
    return decision.model_copy(update={"reason": notice}) if not decision.forced else decision
