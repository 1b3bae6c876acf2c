"""Figures about graders and judges in words, the same on the page and in the terminal. Imports nothing heavy."""

from __future__ import annotations

CHECKER_WORDS = {
    "agrees": "checker and experts say the same of whether sources carry an answer",
    "when_supported": "experts agree where the checker says that they do",
    "when_not": "experts agree where the checker says that they do not",
}


def share_words(value: float | None, low: float | None, high: float | None, n: int) -> str:
    """`84 % (71 to 93, 40 answers)`, or that nothing can be said yet."""
    if value is None:
        return "not measured yet"
    between = "" if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f}, "
    return f"{100 * value:.0f} % ({between}{n} {'answer' if n == 1 else 'answers'})"
