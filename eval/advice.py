"""Prompting, retrieval, tuning, or training from scratch? The questions of the known comparison, and their answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Need = Literal["format", "knowledge", "both"]


@dataclass(frozen=True)
class Situation:
    """What is known about a problem before anything is measured."""

    need: Need
    """Is the form of the answers wrong, or do facts miss?"""
    documents: bool
    """Do the facts stand in documents?"""
    changing: bool
    """Do the facts change from week to week?"""
    labelled: int
    """Questions with answers that are known to be right."""
    gpu: bool
    private: bool
    """May nothing leave this computer?"""
    budget_usd: float
    """What may be spent a month."""
    requests: int
    """Expected a month."""


@dataclass
class Advice:
    """A first path, the one after it, the reasons, and the measurement that settles it."""

    first: str
    then: str
    reasons: list[str] = field(default_factory=list)
    against: dict[str, str] = field(default_factory=dict)
    """Path → why not, or not yet."""
    measure: list[str] = field(default_factory=list)


FEW, ENOUGH = 20, 300
"""Labelled examples below which nothing can be compared, and from which tuning is worth a try."""
VISIBLE = 0.10


def questions_needed(difference: float, spread: float = 0.5) -> int:
    """Questions two paths must share so that a one-sided paired test at 5 % sees this difference with power 80 %.

    `spread` is the standard deviation of the difference on one question: 0.5 where half the questions differ.
    """
    return math.ceil(((1.645 + 0.842) * spread / difference) ** 2)


def advise(situation: Situation) -> Advice:
    """What to try first, what next, why, and how to find out whether it is right."""
    advice = Advice(first=_first(situation), then=_then(situation))
    advice.reasons = _reasons(situation)
    advice.against = {path: why for path, why in _against(situation).items() if path not in (advice.first, advice.then)}
    advice.measure = _measure(situation, advice)
    return advice


def _first(situation: Situation) -> str:
    if situation.need == "format":
        return "tuned" if situation.labelled >= ENOUGH and situation.requests >= 100_000 else "few_shot"
    return "rag" if situation.documents else "few_shot" if situation.labelled >= FEW else "zero_shot"


def _then(situation: Situation) -> str:
    can_tune = situation.labelled >= ENOUGH
    if situation.need == "format":
        return "tuned" if can_tune else "zero_shot"
    if situation.documents:
        return "tuned_rag" if can_tune else "rag"
    return "tuned" if can_tune else "zero_shot"


def _reasons(situation: Situation) -> list[str]:
    reasons = []
    if situation.need != "format":
        reasons.append(
            "Facts are missing, and they stand in documents: retrieval brings them with their source."
            if situation.documents
            else "Facts are missing and stand in no document, so only what a model knows is left."
        )
    if situation.need != "knowledge":
        reasons.append("The form is wrong: examples show it at once, tuning fixes it for good.")
    if situation.changing:
        reasons.append("The facts change: what is tuned into weights is old the next week.")
    if situation.private:
        reasons.append("Nothing may leave this computer: a local model, which gains most from retrieval and tuning.")
    if situation.labelled >= ENOUGH:
        reasons.append(
            f"{situation.labelled} labelled examples are enough to tune on, a fifth of them kept for measuring."
        )
    if situation.requests >= 100_000:
        reasons.append("At this volume a long prompt is paid for every time; a small tuned model saves it.")
    return reasons


def _against(situation: Situation) -> dict[str, str]:
    against = {"from_scratch": "Only where no model can be a start: another language, a licence, or to learn."}
    if situation.labelled < ENOUGH:
        against["tuned"] = f"{situation.labelled} labelled examples; tuning begins to pay from about {ENOUGH}."
    elif not situation.gpu:
        against["tuned"] = "Without a GPU only small models can be tuned here, in hours."
    if situation.changing:
        against["tuned"] = "The facts change faster than a model is trained again."
    if not situation.documents:
        against["rag"] = "There are no documents to look in."
    elif situation.need == "format":
        against["rag"] = "More passages do not change the form of an answer."
    if situation.private and situation.budget_usd > 0:
        against["a paid model"] = "Prompts would leave this computer."
    return against


def _measure(situation: Situation, advice: Advice) -> list[str]:
    needed = questions_needed(VISIBLE)
    steps = []
    if situation.labelled < FEW:
        steps.append(f"Write {FEW} questions that people will really ask, with the answers you would accept.")
    paths = list(dict.fromkeys(["zero_shot", advice.first, advice.then]))
    steps.append(f"crossroads eval compare QUESTIONS.jsonl --paths {','.join(paths)}")
    enough = "enough" if situation.labelled >= needed else f"more than the {situation.labelled} there are"
    steps.append(
        f"About {needed} questions show a difference of {VISIBLE:.0%} in quality ({enough}); "
        f"{questions_needed(2 * VISIBLE)} show one of {2 * VISIBLE:.0%}."
    )
    if situation.budget_usd and situation.requests:
        most = situation.budget_usd / situation.requests
        steps.append(f"A request may cost {most:.6f} US dollars: compare it with `cost_usd` in the table.")
    return steps
