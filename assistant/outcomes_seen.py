"""What grades and votes say of the paths taken: for each answer its path, what was seen of the request, good or not.

Answers never change, so what is read of each is kept; after a grade only that one answer is looked at again.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from assistant.grades.judged import BAD, GOOD
from graphs.answer import Path

if TYPE_CHECKING:
    from assistant.feedback import Feedback
    from assistant.grades.grading import Grading

Outcome = tuple[Path, dict[str, float], bool]
"""The path an answer took, what was seen of the request, and whether it was a good answer."""


class OutcomesSeen:
    """The outcomes of one home. Safe under threads."""

    def __init__(self, grading: Grading, feedback: Feedback) -> None:
        self._grading, self._feedback = grading, feedback
        self._lock = threading.Lock()
        self._routes: dict[str, tuple[Path, dict[str, float]]] = {}

    def __call__(self, answer_id: str = "") -> dict[str, Outcome]:
        """Answer id → outcome, of every answer or of one; where it was graded and voted on, the grade counts."""
        said: dict[str, bool] = {}
        for known, vote in self._votes(answer_id).items():
            said[known] = vote == "up"
        for known, share in self._grading.shares(answer_id).items():
            said.pop(known, None)
            if share >= GOOD or share < BAD:
                said[known] = share >= GOOD
        found = {}
        for known, right in said.items():
            path, seen = self._route(known)
            if seen:
                found[known] = (path, seen, right)
        return found

    def _votes(self, answer_id: str) -> dict[str, str]:
        if not answer_id:
            return {vote.answer_id: vote.vote for vote in self._feedback.list()}
        vote = self._feedback.get(answer_id)
        return {answer_id: vote.vote} if vote else {}

    def _route(self, answer_id: str) -> tuple[Path, dict[str, float]]:
        with self._lock:
            if answer_id in self._routes:
                return self._routes[answer_id]
        graded = self._grading.store.logged(answer_id)
        voted = None if graded else self._feedback.snapshot(answer_id)
        answer = graded.answer if graded else voted[1] if voted else None
        if answer is None:
            return "zero_shot", {}
        route = (answer.route.path, answer.route.seen)
        with self._lock:
            self._routes[answer_id] = route
        return route
