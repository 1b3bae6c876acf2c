"""Rewards of what a model writes: checks that can be run, and a reward model's score."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from eval.squad import exact
from graphs.context import Checker
from training.tuning.rows import Values
from training.tuning.texts import REFUSAL, passage_text

Reward = Callable[[str, Values], float]
"""From an answer and its row's columns to a number, higher is better."""


def is_exact(text: str, values: Values) -> float:
    """1 where the answer equals `answer`, or one of several, as SQuAD compares."""
    wanted = values["answer"]
    return exact(text, wanted if isinstance(wanted, list) else [str(wanted)])


def is_json(text: str, values: Values) -> float:
    """1 for a JSON object with the keys of `keys`, half for one that lacks some, 0 for what does not parse."""
    try:
        found = json.loads(text.strip().removeprefix("```json").removesuffix("```"))
    except ValueError:
        return 0.0
    wanted = set(values.get("keys") or [])
    return 1.0 if isinstance(found, dict) and wanted <= set(found) else 0.5


def is_grounded(checker: Checker) -> Reward:
    """How well the row's `passages` support the answer; a refusal earns 1 where the row has no `answer`, else 0."""

    def reward(text: str, values: Values) -> float:
        answerable = bool(values.get("answer")) and values["answer"] != REFUSAL
        if refuses(text):
            return 0.0 if answerable else 1.0
        return (
            checker.check(text, [passage_text(passage) for passage in values["passages"]]).score if answerable else 0.0
        )

    return reward


def refuses(text: str) -> bool:
    """Whether an answer says that it does not know."""
    start = text.strip().lower().replace("’", "'")[:60]
    return not start or start.startswith(("i don't know", "i do not know", "i cannot", "i can't", "unanswerable"))


def shares(values: Sequence[str]) -> float:
    """Share of refusals among answers."""
    return sum(refuses(value) for value in values) / len(values) if values else 0.0


def text_of(completion: Any) -> str:
    """A completion as TRL gives it: text, or a list of messages."""
    return str(completion) if isinstance(completion, str) else str(completion[-1]["content"])
