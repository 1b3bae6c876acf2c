"""How much an answer may take: what the user's dial from quick to thorough means for a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Effort = Literal["quick", "balanced", "thorough"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)


@dataclass(frozen=True)
class Plan:
    """What a run does at one setting of the dial."""

    share: float
    """A path clears the bar whose chance is at least this share of the likeliest path's."""
    corrections: int
    """How often the search is tried again with other words before giving up."""
    next_paths: int
    """How many other paths are tried where the finished answer is not supported."""
    next_bar: float
    """What another path's chance must be, as a share of the first one's."""
    own_words: bool
    """Whether a model writes from the passages; else the best of them is quoted at once."""


PLANS: dict[Effort, Plan] = {
    "quick": Plan(share=0.8, corrections=0, next_paths=0, next_bar=1.0, own_words=False),
    "balanced": Plan(share=0.95, corrections=1, next_paths=1, next_bar=0.3, own_words=True),
    "thorough": Plan(share=1.0, corrections=2, next_paths=1, next_bar=0.0, own_words=True),
}
