"""Check the draft against its evidence; quote where it is not supported, say so where there is none; finish."""

from __future__ import annotations

import re
import time
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.runtime import Runtime

from graphs.answer import Answer, Evidence, Passage, Path, RouteDecision, Step, Timing, Usage
from graphs.context import Context, Reading
from graphs.effort import PLANS
from graphs.events import Status
from graphs.evidence import answers, bar, cite, complete, is_short, quote
from graphs.links import addresses, apply, edits, moved
from graphs.nodes.common import MARKER, elapsed, emit, step
from graphs.repeats import keep
from graphs.state import ChatState

OWN_WORDS_BAR = (0.5, 1.0)
"""How well the weakest sentence must be supported for the model's own words to stand, at `refuse` 0 and 1."""


FROM_PASSAGES: tuple[Path, ...] = ("tuned_rag", "rag", "few_shot")
"""The paths that can write from passages that were found."""
_HEADING = re.compile(r"^#{1,6}\s.*$", re.MULTILINE)
"""Headings a small model copied along with a passage."""


def verify(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Cite a supported draft; else try the next path once, else quote the best passage, else say it is not known."""
    since, context, draft = time.time(), runtime.context, state["draft"]
    text = _HEADING.sub("", MARKER.sub("", draft["text"])).strip()
    if draft.get("stopped"):
        return {"answer": {"text": text, "stopped": True}}
    kept = [Evidence(**item).passage for item in state["evidence"] if item["kept"]]
    emit(Status(text="checking the answer against its sources"))
    best_passage, best_reading = _best(state)
    supported = _supported(text, kept, best_reading, context, state) if text else None
    if supported is not None:
        return supported | {"timing": elapsed(state, "verify", since)}
    following = next_path(state, context) if text and not draft.get("cut") else None
    if following is not None:
        return _leave(state, following) | {"timing": elapsed(state, "verify", since)}
    steps = state["steps"]
    if text:
        steps = step(state, "quote", "the model's own words are not supported, so quoting the best passage")
    part = _quotation(best_passage, best_reading, context)
    return {"answer": part, "steps": steps, "timing": elapsed(state, "verify", since)}


def _supported(
    text: str, kept: list[Passage], reading: Reading, context: Context, state: ChatState
) -> dict[str, Any] | None:
    """The draft with its citations, without the sentences nothing supports; None where too little of it stands."""
    text, steps = complete(text, kept), state["steps"]
    evidence = _texts(kept)
    grounding = context.checker.check(text, evidence)
    if grounding.label == "partly":
        left_out = [one.text for one in grounding.sentences if not one.supported]
        text = " ".join(one.text for one in grounding.sentences if one.supported)
        grounding = context.checker.check(text, evidence)
        steps = step(state, "take_back", f"taking back what no source supports: {' '.join(left_out)}")
    sure = grounding.label == "supported" and grounding.score >= bar(OWN_WORDS_BAR, context.limits.refuse)
    if not sure or not answers(text, reading):
        return None
    text, citations, grounding = cite(text, grounding, kept)
    part = {"text": text, "citations": [c.model_dump() for c in citations], "grounding": grounding.model_dump()}
    return {"answer": part, "steps": steps}


def next_path(state: ChatState, context: Context) -> Path | None:
    """The likeliest path not tried yet that can write from the same passages, where the user's effort allows one."""
    plan = PLANS[context.limits.effort]
    decision = RouteDecision(**state["decision"])
    if decision.forced or len(state["left"]) >= plan.next_paths:
        return None
    tried = {*state["left"], decision.path}
    open_paths = [path for path in FROM_PASSAGES if path in decision.scores and path not in tried]
    likely = [path for path in open_paths if decision.scores[path] >= plan.next_bar * decision.confidence]
    return max(likely, key=lambda path: decision.scores[path], default=None)


def _leave(state: ChatState, following: Path) -> dict[str, Any]:
    """Leave the path whose answer is not supported; the decision says so."""
    decision = RouteDecision(**state["decision"])
    told = f"the answer on the path {decision.path} is not supported, so trying {following}"
    reason = f"{decision.reason} That answer was not supported, so the next path was tried."
    changed = {"path": following, "reason": reason, "confidence": decision.scores.get(following, 0.0)}
    return {
        "decision": decision.model_copy(update=changed).model_dump(),
        "left": [*state["left"], decision.path],
        "steps": step(state, "next_path", told),
    }


def _texts(passages: list[Passage]) -> list[str]:
    """The passages' words, and those of the headings they stand under: a name may stand only there."""
    texts = [passage.text for passage in passages]
    return texts + list(
        dict.fromkeys(part for passage in passages for part in (passage.heading, passage.title) if part)
    )


def _best(state: ChatState) -> tuple[Passage, Reading]:
    readings = [Reading(**reading) for reading in state["readings"]]
    index = max(range(len(readings)), key=lambda number: readings[number].answerable)
    return Passage(**state["passages"][index]), readings[index]


def _quotation(passage: Passage, reading: Reading, context: Context) -> dict[str, Any]:
    exact = context.given is not None and context.reader is not None and is_short(reading)
    text, citation = quote(passage, reading.start, reading.end, exact=exact)
    grounding = context.checker.check(citation.snippet, [passage.text])
    return {
        "text": text,
        "citations": [citation.model_dump()],
        "grounding": _moved(grounding.model_dump(), 0 if exact else 1),
        "quoted": True,
    }


def _moved(grounding: dict[str, Any], by: int) -> dict[str, Any]:
    """The grounding with its sentences moved along by the opening quotation mark."""
    for sentence in grounding["sentences"]:
        sentence["start"] += by
        sentence["end"] += by
    return grounding


def abstain(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Say that it is not known, and what was looked at."""
    context, path = runtime.context, state["decision"]["path"]
    draft_why = state["draft"].get("why", "")
    if state["task"]:
        text = draft_why or "I could not do this in the form asked for."
    elif path == "tools":
        text = "I did nothing: you did not agree to it." if _declined(state) else _no_tool(context)
    elif path in ("rag", "tuned_rag"):
        text = _nothing_found(state, context)
    else:
        text = f"I don't know. {_where(state, context)}, and {draft_why or 'the model has no answer'}."
    return {"answer": {"text": text, "abstained": True}}


def _declined(state: ChatState) -> bool:
    return any("did not agree" in notice for notice in state["notices"])


def _no_tool(context: Context) -> str:
    names = ", ".join(tool.name.replace("_", " ") for tool in context.tools)
    return f"I don't know how to do this with a tool: none of those I have ({names}) fits what you wrote."


def _where(state: ChatState, context: Context) -> str:
    if context.retriever is None:
        return "I have no documents to look in"
    if state["decision"]["learned"]:
        return f"Your {context.corpus.documents} documents are not likely to answer this"
    return f"None of your {context.corpus.documents} documents is about this"


def _nothing_found(state: ChatState, context: Context) -> str:
    titles = list(dict.fromkeys(passage["title"] for passage in state["passages"]))[:3]
    if context.given is not None:
        return f"I don't know: none of the {len(state['passages'])} given passages answers this."
    if not titles:
        return f"I don't know: a search of {context.corpus.documents} documents found nothing on this."
    nearest = ", ".join(f"“{title}”" for title in titles)
    again = f" {len(state['searches']) + 1} times" if state["searches"] else ""
    return (
        f"I don't know. I searched {context.corpus.documents} documents{again}, and none of the "
        f"{len(state['passages'])} passages I found answers this. The nearest are in {nearest}."
    )


def _harmless(part: dict[str, Any], state: ChatState) -> dict[str, Any]:
    """The answer with no live picture, and no live link but those the user wrote or a cited document came from."""
    if state["decision"]["path"] == "tools":
        return part  # what tools gave is shown as data already
    allowed = [*addresses(state["question"]), *(citation["source"] for citation in part.get("citations", []))]
    changes = edits(part["text"], allowed)
    if not changes:
        return part
    text = apply(part["text"], changes)
    grounding = part.get("grounding")
    if grounding:
        spans = [(moved(one["start"], changes), moved(one["end"], changes)) for one in grounding["sentences"]]
        told = [
            {**one, "start": start, "end": end, "text": text[start:end]}
            for one, (start, end) in zip(grounding["sentences"], spans, strict=True)
        ]
        grounding = {**grounding, "sentences": told}
    return {**part, "text": text, "grounding": grounding}


def run_out(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Make the most of what there is when the budget is used up: quote what was found, else say so."""
    del runtime
    kept = [number for number, item in enumerate(state["evidence"]) if item["kept"]]
    if kept and state["readings"]:
        passage, reading = _best(state)
        text, citation = quote(passage, reading.start, reading.end)
        return {"answer": {"text": text, "citations": [citation.model_dump()], "quoted": True}}
    text = f"I don't know: the budget of {state['spent']} for this answer was used up before anything was found."
    reason = "The budget was used up before a path was chosen."
    none = RouteDecision(path="zero_shot", reason=reason, confidence=0.0)
    decision = state["decision"] or none.model_dump()
    return {"answer": {"text": text, "abstained": True}, "decision": decision}


def finish(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Put the `Answer` together and save it as the turn's reply."""
    draft = state["draft"]
    part = state["answer"] or {"text": draft["text"], "stopped": draft.get("stopped", False)}
    timing = {name: round(value, 1) for name, value in state["timing"].items() if name != "started"}
    timing["total"] = round((time.time() - state["timing"]["started"]) * 1000, 1)
    part = _harmless(part, state)
    cut = state.get("spent") or draft.get("cut", "")
    if cut:
        told = f"This answer is partial: its budget of {cut} was used up."
        part = {**part, "partial": True}
    model = draft.get("model", runtime.context.model_name)
    answer = Answer(
        **part,
        route=RouteDecision(**state["decision"]),
        model=model,
        arm=runtime.context.arm if model == runtime.context.model_name else "",
        usage=Usage(**draft.get("usage", {})),
        timing=Timing(**timing),
        answer_id=state["answer_id"],
        question=state["standalone"],
        evidence=[Evidence(**item) for item in state["evidence"]],
        notices=[*state["notices"], told] if cut else state["notices"],
        prompt=draft.get("prompt"),
        task=state["task"].get("name", ""),
        examples=draft.get("examples", []),
        data=draft.get("data"),
        steps=[Step(**item) for item in state["steps"]],
    )
    keep(state, runtime.context, answer)
    record = answer.model_dump()
    message = AIMessage(answer.text, id=state["answer_id"], response_metadata={"answer": record})
    return {"answer": record, "messages": [message], "passages": [], "readings": [], "draft": {}, "evidence": []}
