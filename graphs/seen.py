"""What the router looks at before it chooses a path: plain numbers, measured before any model writes.

They stand in `RouteDecision.seen`, so a choice can be explained, repeated and learned from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from graphs.tasks import TASKS, Task
from graphs.words import content_words, words

KINDS = ("arithmetic", "task", "self", "talk", "question")
_ASKING = ("who", "what", "when", "where", "which", "why", "how")
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][\w'-]+")
_YES_NO = re.compile(r"^(?:is|are|was|were|do|does|did|can|could|should|would|will|has|have)\b", re.IGNORECASE)
NAMES: tuple[str, ...] = (
    *(f"kind_{kind}" for kind in KINDS),
    *(f"task_{task}" for task in TASKS),
    *(f"asks_{word}" for word in _ASKING),
    "asks_yes_no", "question_mark", "length", "content", "digits", "names", "quoted",
    "documents", "similarity", "similarity_mean", "similarity_gap", "coverage", "chunks",
    "examples", "example_similarity", "labels",
)  # fmt: skip
"""Every measure, in the order the router's weights have."""


@dataclass(frozen=True)
class Found:
    """What the cheap looks gave: into the documents and into the worked examples."""

    similarities: Sequence[float] = ()
    """Cosines of the passages found, best first; empty where none were looked for."""
    coverage: float = 0.0
    """Share of the question's content words that stand in the best passages."""
    chunks: int = 0
    example: float = 0.0
    """Cosine of the nearest worked example of the task; 0 where there is none."""


def see(message: str, kind: str, task: Task | None, found: Found) -> dict[str, float]:
    """The measures of a message by name; none of them needs a model."""
    said = words(message)
    seen = dict.fromkeys(NAMES, 0.0)
    seen[f"kind_{kind}"] = 1.0
    if task is not None:
        seen[f"task_{task.name}"] = 1.0
        seen["labels"] = math.log1p(len(task.labels))
    for word in _ASKING:
        seen[f"asks_{word}"] = float(word in said[:6])
    seen["asks_yes_no"] = float(bool(_YES_NO.match(message.strip())))
    seen["question_mark"] = float("?" in message)
    seen["length"] = math.log1p(len(said))
    seen["content"] = math.log1p(len(content_words(message)))
    seen["digits"] = math.log1p(sum(character.isdigit() for character in message))
    seen["names"] = math.log1p(len(_NAME.findall(message)))
    seen["quoted"] = float(any(mark in message for mark in '“”"'))
    return {name: round(value, 5) for name, value in {**seen, **_looked(found)}.items()}


def _looked(found: Found) -> dict[str, float]:
    ordered = sorted(found.similarities, reverse=True)
    best = ordered[0] if ordered else 0.0
    return {
        "documents": float(bool(ordered)),
        "similarity": best,
        "similarity_mean": sum(ordered[:3]) / len(ordered[:3]) if ordered else 0.0,
        "similarity_gap": best - ordered[min(4, len(ordered) - 1)] if ordered else 0.0,
        "coverage": found.coverage,
        "chunks": math.log10(1 + found.chunks),
        "examples": float(found.example > 0),
        "example_similarity": found.example,
    }
