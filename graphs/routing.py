"""Which path a question takes. Rules where they are exact, the probe's similarity where they are not."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from graphs.answer import Path, RouteDecision
from graphs.calculator import calculate, find_arithmetic
from graphs.choosing import BAR, choose_learned
from graphs.context import Context
from graphs.tasks import find_task
from graphs.words import coverage, words

Kind = Literal["arithmetic", "task", "self", "talk", "question"]

_TASK = re.compile(
    r"\b(summari[sz]e|translate|rewrite|rephrase|paraphrase|shorten|simplify|proofread|correct|classify|extract|reformat|"
    r"fix (?:the )?(?:grammar|spelling)|make (?:this|it|the following)|turn (?:this|it|the following)|sentiment of)\b",
    re.IGNORECASE,
)
_CREATIVE = re.compile(
    r"^(?:please\s+)?(?:(?:can|could|would|will) you\s+)?(?:please\s+)?(?:write|compose|draft|invent|imagine|make up|"
    r"brainstorm|suggest|tell me a (?:joke|story|poem|tale|riddle)|sing|pretend|act as)\b",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"^(?:hi|hello|hey|hiya|good (?:morning|evening|afternoon|night)|how are you|how do you do|what'?s up|thanks?|"
    r"thank you|cheers|bye|goodbye|see you|ok(?:ay)?|great|cool|nice|wow|sorry|yes|no|"
    r"nice to meet you|i(?:'m| am) (?:sad|happy|bored|tired|fine|good|sorry))\b",
    re.IGNORECASE,
)
_SELF = re.compile(
    r"^(?:who|what) are you\b|^what (?:can|do) you do\b|^who (?:made|built|created) you\b|^what(?:'s| is) your name\b|"
    r"^what can i (?:ask|do) (?:you|here)\b|^how (?:can|could) you help\b|^tell me about yourself\b",
    re.IGNORECASE,
)
ABOUT = "What is Crossroads and what can it do?"
"""What a question about the assistant itself is searched as: its documentation may be loaded."""
_PAYLOAD = re.compile(r":\s*\S|\n\s*\S|[\"“«'‘][^\"”»]{12,}[\"”»'’]")
_QUESTION = re.compile(
    r"\?|^(?:who|whom|whose|what|when|where|which|why|how|is|are|was|were|do|does|did|can|could|should|would|will|may|"
    r"has|have|explain|describe|define|list|name|tell me|compare|show)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Probe:
    """What a cheap look into the documents gave."""

    similarity: float
    """Cosine of the best passage."""
    coverage: float
    """Share of the question's content words found in the best passages."""
    best: str
    """Title of the best passage's document."""

    @property
    def chance(self) -> float:
        """The chance in 0–1 that the documents are what the question is about.

        A logistic curve over the two measures. Its weights were set by hand: in the documentation's home, answerable
        questions had a similarity of 0.4 to 0.8, trivia at most 0.3.
        """
        return 1 / (1 + math.exp(-(12.0 * self.similarity + 3.0 * self.coverage - 7.0)))


@dataclass(frozen=True)
class Look:
    """What the router is given: the measures of `graphs.seen`, and the question's embedding."""

    seen: Mapping[str, float]
    vector: Sequence[float]


def kind_of(message: str) -> Kind:
    """What sort of message this is, judged by its form alone."""
    text = message.strip()
    expression = find_arithmetic(text)
    if expression and calculate(expression) is not None:
        return "arithmetic"
    if find_task(text) or (_TASK.search(text[:200]) and _has_payload(text)):
        return "task"
    if _SELF.search(text) and len(words(text)) <= 8:
        return "self"
    if _CREATIVE.search(text) or (_TALK.search(text) and len(words(text)) <= 8):
        return "talk"
    if not _QUESTION.search(text) and len(words(text)) > 60:
        return "task"
    return "question"


def _has_payload(text: str) -> bool:
    """Whether the text to work on stands in the message: after a colon or a line break, quoted, or simply long."""
    return bool(_PAYLOAD.search(text)) or len(words(text)) > 40


def probe_of(question: str, found: list[tuple[str, float, str]]) -> Probe | None:
    """Sum up what retrieval found: tuples of text, similarity and title, best first. None where it found nothing."""
    if not found:
        return None
    best = max(found, key=lambda item: item[1])
    return Probe(best[1], coverage(question, [text for text, _, _ in found[:3]]), best[2])


def decide(
    message: str, context: Context, probe: Probe | None, look: Look | None = None, *, forced: str
) -> RouteDecision:
    """The path for a message, with a reason that is true and the chance of every path that could be taken."""
    decision = _learned(kind_of(message), context, probe, look) or _by_rules(kind_of(message), context, probe)
    if forced == "auto":
        return decision
    chosen = {"path": forced, "reason": "You chose this path.", "forced": True}
    return decision.model_copy(update={**chosen, "confidence": decision.scores.get(forced, 0.0)})  # type: ignore[call-overload]


def _learned(kind: Kind, context: Context, probe: Probe | None, look: Look | None) -> RouteDecision | None:
    """The router's decision; None where a rule is exact, and where it learned of another model: chances are its own."""
    exact = context.given is not None or kind in ("arithmetic", "self")
    if context.router is None or context.router.model != context.model_name or look is None or exact:
        return None
    return choose_learned(context.router, context, available_paths(context), look.seen, look.vector, probe)


def _by_rules(kind: Kind, context: Context, probe: Probe | None) -> RouteDecision:
    scores = _scores(kind, context, probe)
    path, reason = _choose(kind, context, probe)
    return RouteDecision(
        path=path,
        reason=reason,
        confidence=scores.get(path, 0.0),
        scores=scores,
        expected={name: value for name, value in context.expected.items() if name in scores},
    )


def _choose(kind: Kind, context: Context, probe: Probe | None) -> tuple[Path, str]:
    with_documents, without = _doors(context)
    if context.given is not None:
        return with_documents, "The request brought its own passages, so the answer comes from them."
    if kind == "arithmetic":
        return "tools", "This is arithmetic, so the calculator works it out."
    if kind == "task":
        return without, "The text to work on is in the message, so no documents are needed."
    if kind == "talk":
        return without, "This is conversation, so no documents are needed."
    if kind == "self" and (probe is None or probe.chance < BAR):
        return without, "This is about the assistant itself, so no documents are needed."
    if context.retriever is None:
        why = context.notices[0] if context.notices else f"No documents are loaded in “{context.corpus.collection}”."
        return without, f"{why} So only the model's own memory is left."
    if probe is None or probe.chance < BAR:
        near = f" (the nearest, in “{probe.best}”, is {probe.similarity:.0%} alike)" if probe else ""
        return without, f"None of the {context.corpus.documents} documents is about this{near}."
    return (
        with_documents,
        f"Your documents have a passage close to this, in “{probe.best}” ({probe.similarity:.0%} alike).",
    )


def _scores(kind: Kind, context: Context, probe: Probe | None) -> dict[Path, float]:
    """The chance of each path. Form decides exactly between calculator and the rest, the probe between the rest."""
    with_documents, without = _doors(context)
    documents = {"arithmetic": 0.0, "task": 0.05, "talk": 0.1}.get(kind, probe.chance if probe else 0.0)
    if context.given is not None:
        documents = 1.0
    scores: dict[Path, float] = dict.fromkeys(available_paths(context), 0.0)
    if kind == "arithmetic" and context.given is None:
        return {**scores, "tools": 1.0}
    if with_documents in scores:
        scores[with_documents] = round(documents, 4)
    scores[without] = round(1 - scores.get(with_documents, 0.0), 4)
    return scores


def _doors(context: Context) -> tuple[Path, Path]:
    """The path with documents and the one without: the tuned model takes both where there is one."""
    return ("tuned_rag", "tuned") if context.tuned is not None else ("rag", "zero_shot")


def available_paths(context: Context) -> list[Path]:
    """The paths this run could take."""
    paths: list[Path] = ["zero_shot", "few_shot", "tools"]
    if context.retriever is not None or context.given is not None:
        paths.append("rag")
    if context.tuned is not None:
        paths.append("tuned")
        if "rag" in paths:
            paths.append("tuned_rag")
    return paths
