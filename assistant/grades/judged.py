"""What experts who count said of an answer, all grades of it together: scores, better answers, marked passages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.grades.rubric import Rubric
from assistant.grades.store import Graded
from assistant.grades.types import Grade, Logged
from graphs.answer import Answer, Passage

Sources = list[dict[str, Any]]
GOOD, BAD = 0.8, 0.4
"""An answer is a good example from this share of the best possible scores on, and a bad one below the other."""
SHOWN_PASSAGES = 8
"""How many of the passages that were looked at a grader is shown to mark."""


@dataclass(frozen=True)
class Judged:
    """An answer with everything experts who count said of it."""

    logged: Logged
    grades: list[Grade]
    share: float
    """Weighted mean of their shares of the best possible scores."""
    scores: dict[str, float]
    """Criterion → weighted mean."""
    marks: dict[str, float] = field(default_factory=dict)
    """Chunk id → weighted share of the graders who marked any passage that marked this one as answering."""

    @property
    def sources(self) -> Sources:
        """The grades it comes from."""
        return [{"answer_id": g.answer_id, "grader": g.grader, "version": g.version} for g in self.grades]

    @property
    def right(self) -> list[Passage]:
        """The passages half of those who marked any say answer the question."""
        return [one for one in _shown(self.logged.answer) if self.marks.get(one.chunk_id, 0.0) >= 0.5]

    @property
    def wrong(self) -> list[Passage]:
        """The passages that graders saw beside the right ones and nobody marked."""
        return [one for one in _shown(self.logged.answer) if self.right and one.chunk_id not in self.marks]

    def better(self) -> list[Grade]:
        """The grades that say what the answer should have been."""
        return [grade for grade in self.grades if grade.better_answer.strip()]


def judged_answers(graded: Sequence[Graded], rubric: Rubric, weights: Mapping[str, float]) -> list[Judged]:
    """Every graded answer once, in the order of its first grade; graders of weight 0 are left out."""
    groups: dict[str, list[Graded]] = defaultdict(list)
    for grade, logged in graded:
        if grade.outcome == "graded" and weights.get(grade.grader, 1.0) > 0:
            groups[grade.answer_id].append((grade, logged))
    return [_judged(group, rubric, weights) for group in groups.values()]


def _judged(group: Sequence[Graded], rubric: Rubric, weights: Mapping[str, float]) -> Judged:
    each = [(weights.get(grade.grader, 1.0), grade) for grade, _ in group]
    scores = {}
    for name in {name for _, grade in each for name in grade.scores}:
        given = [(weight, grade.scores[name]) for weight, grade in each if name in grade.scores]
        scores[name] = sum(weight * value for weight, value in given) / sum(weight for weight, _ in given)
    share = mean_share([(weight, grade.scores) for weight, grade in each], rubric)
    return Judged(group[0][1], [grade for _, grade in each], share, scores, _marks(each))


def mean_share(each: Sequence[tuple[float, Mapping[str, int]]], rubric: Rubric) -> float:
    """The weighted mean of graders' shares of the best possible scores."""
    return sum(weight * rubric.share(scores) for weight, scores in each) / sum(weight for weight, _ in each)


def _marks(each: Sequence[tuple[float, Grade]]) -> dict[str, float]:
    marking = [(weight, grade) for weight, grade in each if grade.right_sources]
    total = sum(weight for weight, _ in marking)
    marks: dict[str, float] = defaultdict(float)
    for weight, grade in marking:
        for chunk_id in set(grade.right_sources):
            marks[chunk_id] += weight / total
    return dict(marks)


def _shown(answer: Answer) -> list[Passage]:
    """The passages graders are shown to mark, each once."""
    return list({item.passage.chunk_id: item.passage for item in answer.evidence}.values())[:SHOWN_PASSAGES]
