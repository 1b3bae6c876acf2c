"""Which answer is worth an expert's next minute, and which two are worth a blind comparison."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from assistant.grades.store import Graded
from assistant.grades.types import Comparison, Item, Logged
from graphs.words import content_words

RANDOM_EVERY = 5
"""One grade in so many is of an answer drawn at random: without it nobody learns how good the quiet ones are."""
SECOND = "a second opinion is wanted"
_LOW_CONFIDENCE = 0.6


@dataclass(frozen=True)
class Plan:
    """What several graders see on purpose, so that they can be held against each other and against gold."""

    overlap: float = 0.2
    """Share of the answers that `graders` people are asked about."""
    graders: int = 2
    gold: Collection[str] = ()
    """Answers whose right grade is fixed; a grader is never told which these are."""
    gold_every: int = 10


def next_item(
    answers: Sequence[Logged],
    graded: Sequence[Graded],
    votes: Mapping[str, str],
    grader: str,
    plan: Plan = Plan(),
) -> Item | None:
    """The answer this grader should see next, or None where nothing is left.

    `answers` are the latest ones, `graded` the grades that count, `votes` answer id → `up` or `down`. Which answers
    are drawn at random, and which get several graders, depends on their ids alone, so that no grader chooses.
    """
    mine = {grade.answer_id for grade, _ in graded if grade.grader == grader}
    open_ones = [one for one in answers if one.answer.answer_id not in mine and not one.answer.stopped]
    reasons = _Reasons(graded, votes, plan)
    wanted = [(weight, why, one) for one in open_ones for weight, why in [reasons.of(one)] if weight > 0]
    fixed = [one for one in open_ones if one.answer.answer_id in plan.gold]
    if fixed and len(mine) % plan.gold_every == plan.gold_every - 2:
        drawn_gold = min(fixed, key=lambda one: _chance(one.answer.answer_id, grader))
        return Item(logged=drawn_gold, why=SECOND, left=max(1, len(wanted)))
    if not wanted:
        return None
    if len(mine) % RANDOM_EVERY == RANDOM_EVERY - 1:
        drawn = min(wanted, key=lambda item: _chance(item[2].answer.answer_id, grader))
        return Item(logged=drawn[2], why="drawn at random", left=len(wanted))
    _, why, one = max(wanted, key=lambda item: (item[0], item[2].created))
    return Item(logged=one, why=why, left=len(wanted))


class _Reasons:
    """How much an answer needs a grade, judged by what is known of it."""

    def __init__(self, graded: Sequence[Graded], votes: Mapping[str, str], plan: Plan) -> None:
        self._votes, self._plan = votes, plan
        self._scores: dict[str, list[dict[str, int]]] = defaultdict(list)
        for grade, _ in graded:
            if grade.outcome == "graded":
                self._scores[grade.answer_id].append(grade.scores)
        self._known: Counter[str] = Counter()
        for _, logged in graded:
            self._known.update(content_words(logged.question))

    def of(self, one: Logged) -> tuple[float, str]:
        """A weight (0 where no grade is needed) and the reason in a few words."""
        answer, scores = one.answer, self._scores.get(one.answer.answer_id, [])
        several = _chance(answer.answer_id, "overlap") < self._plan.overlap
        if scores and several and len(scores) < self._plan.graders:
            return (0.7, SECOND)
        if len(scores) >= 2:
            return (0.8, "its graders disagree") if len(scores) == 2 and _disagree(*scores) else (0.0, "")
        if scores:
            return (0.0, "")
        return max(self._unseen(one))

    def _unseen(self, one: Logged) -> list[tuple[float, str]]:
        answer = one.answer
        found = [(0.1, "not graded yet")]
        if self._votes.get(answer.answer_id) == "down":
            found.append((1.0, "a user voted it down"))
        if answer.grounding is not None and answer.grounding.label != "supported":
            found.append((0.9, "its sources do not clearly say it"))
        if answer.route.confidence < _LOW_CONFIDENCE and not answer.route.forced:
            found.append((0.6, "the path was chosen with little confidence"))
        words = content_words(one.question)
        if words and sum(word in self._known for word in words) < 0.5 * len(words):
            found.append((0.5, "its topic is new"))
        return found


def next_pair(answers: Sequence[Logged], seen: Sequence[Comparison], grader: str) -> tuple[Logged, Logged] | None:
    """Two answers to one question by different paths or models that this grader has not compared, in a blind order."""
    compared = {frozenset((one.first, one.second)) for one in seen if one.grader == grader}
    groups: dict[str, list[Logged]] = defaultdict(list)
    for one in answers:
        groups[" ".join(one.question.split()).casefold()].append(one)
    for group in groups.values():
        for one, other in combinations(group, 2):
            ids = (one.answer.answer_id, other.answer.answer_id)
            if side(one) != side(other) and one.answer.text != other.answer.text and frozenset(ids) not in compared:
                return (one, other) if _chance("".join(sorted(ids)), grader) < 0.5 else (other, one)
    return None


def side(answer: Logged) -> str:
    """What a comparison compares: the path and the model that answered."""
    return f"{answer.answer.route.path} · {answer.answer.model}"


def _disagree(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    return any(abs(one[name] - other[name]) >= 2 for name in one if name in other)


def _chance(answer_id: str, salt: str) -> float:
    """A number in 0–1 that looks random and is the same each time."""
    return int.from_bytes(hashlib.sha256(f"{salt}\n{answer_id}".encode()).digest()[:6], "big") / 2**48
