"""Corrective retrieval: when no passage answers, search again in other words or in parts, and then give up honestly.

After CRAG (Yan et al., 2024, arXiv:2401.15884) and self-ask: the evidence is graded by the reader, a compound question
is searched in its parts, any other by its bare keywords and, where the user allows more, as the model rewrites it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage
from langgraph.runtime import Runtime

from graphs.answer import Passage
from graphs.context import Context, Reading
from graphs.effort import PLANS
from graphs.events import Found
from graphs.evidence import weigh
from graphs.nodes.common import elapsed, emit, step
from graphs.nodes.respond import model_of, read_passages
from graphs.prompts import load_prompt
from graphs.searching import search
from graphs.state import ChatState
from graphs.words import STOP_WORDS, content_words, words

_ASKING = "who|what|when|where|which|why|how|is|are|do|does|did|was"
_PARTS = re.compile(rf"\s*(?:;|\?\s+(?=\w)|,?\s+and\s+(?=(?:{_ASKING})\b))\s*", re.IGNORECASE)
_NUMBERED = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s*")


def may_correct(state: ChatState, context: Context) -> bool:
    """Whether another search is worth it: documents to search, tries left, and words not searched for yet."""
    tried = state["searches"]
    if context.given is not None or context.retriever is None:
        return False
    return len(tried) < PLANS[context.limits.effort].corrections and bool(_next_queries(state, context, ask=False))


def correct(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Search again, read what is new, and weigh everything anew."""
    since, context = time.time(), runtime.context
    queries = _next_queries(state, context, ask=True)
    told = " and ".join(f"“{query}”" for query in queries)
    steps = step(state, "search_again", f"nothing found answers it, so searching again for {told}")
    passages = [Passage(**item) for item in state["passages"]]
    readings = [Reading(**item) for item in state["readings"]]
    notices = list(state["notices"])
    for query in queries:
        new, told_now = _search(query, passages, context)
        notices += [notice for notice in told_now if notice not in notices]
        # a part of a compound question is answered by itself; other words are only another way to search for the whole
        readings += read_passages(query if len(queries) > 1 else state["standalone"], new, context)
        passages += new
    emit(Found(passages=passages))
    evidence = weigh(passages, readings, context.limits.refuse, context.limits.prompt_passages)
    return {
        "passages": [passage.model_dump() for passage in passages],
        "readings": [reading.model_dump() for reading in readings],
        "evidence": [item.model_dump() for item in evidence],
        "searches": [*state["searches"], told],
        "steps": steps,
        "notices": notices,
        "timing": elapsed(state, "retrieve", since),
    }


def _search(query: str, known: Sequence[Passage], context: Context) -> tuple[list[Passage], list[str]]:
    """What a search finds that was not found before."""
    found, seen = search(query, context), {passage.chunk_id for passage in known}
    return [passage for passage in found.passages if passage.chunk_id not in seen], found.notices


def _next_queries(state: ChatState, context: Context, *, ask: bool) -> list[str]:
    """What to search for next. The model is asked only where the rules have been used up and `ask` allows it."""
    question = state["standalone"]
    plain = parts(question) or ([keywords(question)] if keywords(question) else [])
    if not state["searches"] and plain:
        return plain
    if not ask:
        return [question]
    return [rewritten(question, state, context) or keywords(question) or question]


def parts(question: str) -> list[str]:
    """The questions a compound question is made of; empty where it is one."""
    found = [part.strip(" ?.") for part in _PARTS.split(question)]
    whole = [f"{part}?" for part in found if len(content_words(part)) >= 1 and len(words(part)) >= 3]
    return whole[:3] if len(whole) > 1 else []


def keywords(question: str) -> str:
    """The words of a question that carry meaning, in order; empty where nothing would be left out."""
    every = words(question)
    kept = [word for word in every if word not in STOP_WORDS]
    return " ".join(kept) if kept and len(kept) < len(every) else ""


def rewritten(question: str, state: ChatState, context: Context) -> str:
    """The question in the model's other words; empty where it lost what the question is about."""
    system, _ = load_prompt("requery")
    reply = model_of(state, context).invoke(
        [SystemMessage(system), HumanMessage(question)], max_tokens=40, temperature=0
    )
    line = _NUMBERED.sub("", next(iter(str(reply.content).strip().splitlines()), "")).strip()
    wanted, said = content_words(question), content_words(line)
    return line if said - wanted and len(wanted & said) * 2 >= len(wanted) and len(words(line)) <= 30 else ""
