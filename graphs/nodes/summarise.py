"""Summaries with sources: short texts at once, long ones part by part and then together (map–reduce).

Every sentence is checked against the part it summarises; where the model's own words are not supported, the sentence
of that part that is nearest to its middle stands instead, word for word.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from graphs.answer import Passage
from graphs.context import Context
from graphs.events import Status, Token
from graphs.evidence import cite
from graphs.nodes.common import elapsed, emit, step
from graphs.nodes.respond import describe, model_of
from graphs.prompts import load_prompt
from graphs.reading import prose_spans
from graphs.state import ChatState
from graphs.tasks import Task
from graphs.words import first_repeat, sentence_spans

_PART = 2400
"""Characters of one part: about 600 tokens, what a small model still summarises."""
_MOST_PARTS = 24
_TOGETHER = 5
"""Sentences of the summary of a long text."""


def summarise(state: ChatState, context: Context, task: Task) -> dict[str, Any]:
    """The finished summary with its citations, and the steps it took."""
    since = time.time()
    parts = cut(*_whole(task, context))
    steps = step(state, "map", f"summarising {len(parts)} parts") if len(parts) > 1 else state["steps"]
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0.0}
    points, own = [], 0
    for number, part in enumerate(parts, 1):
        if len(parts) > 1:
            emit(Status(text=f"summarising part {number} of {len(parts)}"))
        kept, drafted = _points(state, context, part, usage)
        points += kept
        own += drafted
        if context.cancel.is_set():
            break
    if len(parts) > 1:
        points = _reduce(points, context)
        steps = step({**state, "steps": steps}, "reduce", f"keeping {len(points)} sentences of {len(parts)} parts")
    _, prompt = load_prompt("summarise")
    text, citations, grounding = cite(" ".join(points), context.checker.check(" ".join(points), texts(parts)), parts)
    emit(Token(text=text))
    draft = {"text": text, "model": _name(state, context), "usage": usage, "prompt": prompt.model_dump()}
    part_of = {"text": text, "grounding": grounding.model_dump(), "quoted": not own}
    answer = part_of | {"citations": [citation.model_dump() for citation in citations]}
    return {"draft": draft, "answer": answer, "steps": steps, "timing": elapsed(state, "generate", since)}


def _whole(task: Task, context: Context) -> tuple[str, dict[str, str]]:
    """The text to summarise, and which document it is; the message's own has none."""
    if not task.document or context.documents is None:
        return task.text, {}
    return context.documents.text(task.document["document_id"]), task.document


def texts(parts: Sequence[Passage]) -> list[str]:
    """What the parts say."""
    return [part.text for part in parts]


def cut(text: str, document: Mapping[str, str] | None = None) -> list[Passage]:
    """The text in parts of whole sentences, each with its place in it; of a loaded `document` or of the message."""
    spans = sentence_spans(text) or [(0, len(text))]
    parts: list[tuple[int, int]] = []
    for start, end in spans:
        if parts and end - parts[-1][0] <= _PART:
            parts[-1] = (parts[-1][0], end)
        else:
            parts.append((start, end))
    return [_part(number, text, *span, document or {}) for number, span in enumerate(_thinned(parts), 1)]


def _thinned(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """At most `_MOST_PARTS` parts: neighbours are joined where there are more."""
    while len(parts) > _MOST_PARTS:
        parts = [(pair[0][0], pair[-1][1]) for pair in (parts[at : at + 2] for at in range(0, len(parts), 2))]
    return parts


def _part(number: int, text: str, start: int, end: int, document: Mapping[str, str]) -> Passage:
    about = {"document_id": "message", "source": "message", "title": f"Your text, part {number}", **document}
    return Passage(
        chunk_id=f"{about['document_id']}-{number}", document_id=about["document_id"], source=about["source"],
        title=about["title"], text=text[start:end], start=start, end=end,
    )  # fmt: skip


def _points(state: ChatState, context: Context, part: Passage, usage: dict[str, Any]) -> tuple[list[str], int]:
    """The supported sentences the model writes about a part, else the part's own middle one; how many are its own."""
    system, _ = load_prompt("summarise")
    messages = [SystemMessage(system), HumanMessage(f"Text: {part.text}\n\nSummary:")]
    reply = model_of(state, context).invoke(messages, max_tokens=96, temperature=0)
    _count(usage, describe(AIMessage(**reply.model_dump(exclude={"type"})), context, state)["usage"])
    written = str(reply.content)
    checked = context.checker.check(written[: first_repeat(written)].strip(), [part.text])
    good = [item.text for item in checked.sentences if item.supported and item.text.rstrip().endswith((".", "!", "?"))]
    return (good[:3], len(good[:3])) if good else ([middle(part.text, context)], 0)


def middle(text: str, context: Context) -> str:
    """The sentence nearest in meaning to all of the text's sentences together."""
    sentences = [text[start:end] for start, end in prose_spans(text)]
    vectors = np.asarray(context.encoder.embed_documents(sentences))
    return " ".join(sentences[int((vectors @ vectors.mean(0)).argmax())].split())


def _reduce(points: Sequence[str], context: Context) -> list[str]:
    """The points that cover the whole best: one after the other the one that is near to all and unlike those taken."""
    unique = list(dict.fromkeys(points))
    vectors = np.asarray(context.encoder.embed_documents(unique))
    near = vectors @ vectors.mean(0)
    taken: list[int] = []
    while len(taken) < min(_TOGETHER, len(unique)):
        alike = (vectors @ vectors[taken].T).max(1) if taken else np.zeros(len(unique))
        gain = 0.7 * near - 0.3 * alike
        gain[taken] = -np.inf
        taken.append(int(gain.argmax()))
    return [unique[index] for index in sorted(taken)]


def _count(usage: dict[str, Any], more: dict[str, Any]) -> None:
    for name in usage:
        usage[name] += more[name]


def _name(state: ChatState, context: Context) -> str:
    return context.tuned_name if model_of(state, context) is context.tuned else context.model_name
