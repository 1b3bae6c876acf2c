"""Grading as the page, the commands and the API see it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.documentation import find_documentation
from assistant.feedback import Feedback
from assistant.grades.graders import Gold, Graders, Weighing
from assistant.grades.judged import Judged, judged_answers, mean_share
from assistant.grades.log import AnswerLog
from assistant.grades.queue import Plan, next_item, next_pair, side
from assistant.grades.rows import Rows, card, training_rows
from assistant.grades.rubric import load_rubric
from assistant.grades.store import Grades
from assistant.grades.types import Comparison, Grade, Item, Logged
from assistant.people.caller import current
from graphs.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from assistant.config import Settings
    from eval.agreement import Level


class Grading:
    """What experts do with the answers of one home. Raises `SettingsError` where the rubric cannot be read."""

    def __init__(self, engine: Engine, settings: Settings, feedback: Feedback) -> None:
        self.log = AnswerLog(engine)
        self.store = Grades(engine, load_rubric(settings.grading.rubric))
        self.graders = Graders(engine, self.store.rubric)
        self._settings = settings.grading
        self._feedback = feedback

    def grader(self, name: str = "") -> str:
        """Who grades: the account's name; without accounts the name given, else the one of the settings."""
        if current().name:
            return current().name
        return " ".join(name.split()) or self._settings.grader

    def next(self, grader: str = "") -> Item | None:
        """The answer worth this grader's next minute; None where nothing is left."""
        votes = {vote.answer_id: vote.vote for vote in self._feedback.list()}
        plan = self._settings
        purpose = Plan(plan.overlap, plan.overlap_graders, set(self.graders.gold()), plan.gold_every)
        item = next_item(self._candidates(), self.store.outlines(), votes, self.grader(grader), purpose)
        return item and item.model_copy(update={"logged": self.logged(item.logged.answer.answer_id)})

    def _candidates(self) -> list[Logged]:
        """The latest answers in outline, and those of gold grades whose conversations may be gone."""
        recent = self.log.outlines()
        missing = self.graders.gold().keys() - {one.answer.answer_id for one in recent}
        return [*recent, *filter(None, map(self.store.logged, sorted(missing)))]

    def record(self, grade: Grade) -> Grade:
        """Keep a grade. Raises `NotFoundError` for an unknown answer, `UsageError` for an impossible score."""
        return self.store.record(grade, self.logged(grade.answer_id))

    def undo(self, grader: str = "") -> Grade:
        """Withdraw this grader's last grade. Raises `UsageError` where there is none."""
        return self.store.undo(self.grader(grader))

    def next_pair(self, grader: str = "") -> tuple[Logged, Logged] | None:
        """Two answers to one question to compare blindly; None where there are none."""
        seen = [comparison for comparison, *_ in self.store.comparisons()]
        pair = next_pair(self.log.outlines(), seen, self.grader(grader))
        return pair and (self.logged(pair[0].answer.answer_id), self.logged(pair[1].answer.answer_id))

    def compare(self, comparison: Comparison) -> Comparison:
        """Keep a blind choice. Raises `NotFoundError`, and `UsageError` where the two answer different questions."""
        first, second = self.log.get(comparison.first), self.log.get(comparison.second)
        if first.question.casefold().split() != second.question.casefold().split():
            raise UsageError("These two answers are to different questions.", "Compare answers to one question.")
        return self.store.compare(comparison, first, second)

    def latest(self, grader: str = "") -> Grade | None:
        """This grader's last grade with scores."""
        mine = [g for g, _ in self.store.outlines() if g.grader == self.grader(grader) and g.outcome == "graded"]
        return mine[-1] if mine else None

    def mark_gold(self, answer_id: str, grader: str = "", by: str = "", counts: bool = True) -> Gold:
        """Fix a grader's grade of an answer as the right one, or let go of it. Raises `NotFoundError`, `UsageError`."""
        wanted = " ".join(grader.split()) or self.grader()  # whose grade it is, not who asks
        for grade, _ in self.store.outlines():
            if (grade.answer_id, grade.grader) == (answer_id, wanted):
                return self.graders.mark(grade, self.grader(by), counts)
        raise NotFoundError(f"{wanted!r} has not graded {answer_id!r}.", "See `crossroads grades list`.")

    def weigh(self, weighing: Weighing) -> Weighing:
        """Say how much a grader counts. Raises `NotFoundError` where nobody of that name graded."""
        known = {grade.grader for grade, _ in self.store.outlines()} | {c.grader for c, *_ in self.store.comparisons()}
        if weighing.grader not in known:
            raise NotFoundError(f"Nobody called {weighing.grader!r} graded here.", f"Graders: {', '.join(known)}.")
        return self.graders.weigh(weighing.model_copy(update={"by": self.grader(weighing.by)}))

    def forget(self, grader: str) -> int:
        """Delete everything one person graded, with gold grades of theirs and their weight; how much went."""
        return self.store.forget(grader) + self.graders.forget(grader)

    def judged(self) -> list[Judged]:
        """Every graded answer once, by what the graders who count said of it."""
        return judged_answers(self.store.current(), self.store.rubric, self.graders.weights())

    def calibration(self) -> dict[str, Any]:
        """The grounding checker against the experts of this home."""
        from assistant.grades.calibration import checker_here

        return checker_here(judged_answers(self.store.outlines(), self.store.rubric, self.graders.weights()))

    def summary(self, grader: str = "") -> dict[str, Any]:
        """Progress and agreement: how many are graded by whom, alpha by criterion and grader, sides compared."""
        graded = self.store.outlines()
        mine = [grade for grade, _ in graded if grade.grader == self.grader(grader)]
        by_grader: dict[str, int] = defaultdict(int)
        for grade, _ in graded:
            by_grader[grade.grader] += grade.outcome == "graded"
        return {
            "grader": self.grader(grader),
            "answers": self.log.count(),
            "graded": len({grade.answer_id for grade, _ in graded if grade.outcome == "graded"}),
            "mine": sum(grade.outcome == "graded" for grade in mine),
            "seconds": _median([grade.seconds for grade in mine if grade.seconds]),
            "graders": dict(by_grader),
            "agreement": self._agreement([grade for grade, _ in graded if grade.outcome == "graded"]),
            "sides": self._sides(),
            "weights": self.graders.weights(),
            "gold": len(self.graders.gold()),
            "against_gold": self.graders.against_gold(graded),
            "checker": self.calibration(),
        }

    def rows(self, wanted: str, held_out: Iterable[str] = ()) -> Rows:
        """Training rows from the grades; the documentation's own questions are always held out."""
        known = [*own_questions(), *held_out]
        graded, compared = self.store.current(), self.store.comparisons()
        return training_rows(wanted, graded, compared, self.store.rubric, known, self.graders.weights())

    def card(self, wanted: str, rows: Rows) -> str:
        """The data card of these rows."""
        return card(wanted, rows, self.store.rubric)

    def logged(self, answer_id: str) -> Logged:
        """An answer with its question, from its grades or from the log. Raises `NotFoundError`."""
        return self.store.logged(answer_id) or self.log.get(answer_id)  # once graded, its conversation may be gone

    def shares(self, answer_id: str = "") -> dict[str, float]:
        """Answer id → its share of the best possible scores, of every graded answer or of one; as `judged` says it."""
        weights, rubric = self.graders.weights(), self.store.rubric
        found = {}
        for known, given in self.store.scores(answer_id).items():
            counting = [(weight, scores) for who, scores in given if (weight := weights.get(who, 1.0)) > 0]
            if counting:
                found[known] = mean_share(counting, rubric)
        return found

    def _agreement(self, grades: list[Grade]) -> dict[str, Any]:
        try:
            from eval.agreement import agreement, of_each
        except ImportError:  # the package `krippendorff` comes with the extra `eval`
            return {}
        found = {}
        for criterion in self.store.rubric.criteria:
            ratings: dict[str, dict[str, float]] = defaultdict(dict)
            for grade in grades:
                if criterion.name in grade.scores:
                    ratings[grade.grader][grade.answer_id] = float(grade.scores[criterion.name])
            level: Level = "ordinal" if criterion.kind == "scale" else "nominal"
            whole = agreement(ratings, level)
            found[criterion.name] = {
                "alpha": _number(whole.alpha),
                "low": _number(whole.low),
                "high": _number(whole.high),
                "items": whole.items,
                "graders": {name: _number(value) for name, value in of_each(ratings, level).items()},
            }
        return found

    def _sides(self) -> list[dict[str, Any]]:
        from eval.agreement import bradley_terry

        shares = {"first": 1.0, "second": 0.0, "tie": 0.5, "both_bad": 0.5}
        wins = []
        for comparison, question, one, other in self.store.comparisons():
            left, right = (side(Logged(question=question, answer=answer, created="")) for answer in (one, other))
            wins.append((left, right, shares[comparison.choice]))
        return [vars(strength) for strength in bradley_terry(wins)]


def own_questions() -> list[str]:
    """The questions the project evaluates itself with: no training row may hold one of them."""
    files = [folder / "questions.jsonl" for folder in dict.fromkeys(path.parent for path in find_documentation())]
    return [question for file in files if file.is_file() for question in questions_of(file)]


def questions_of(path: Path) -> list[str]:
    """The questions of an evaluation set: `input` or `question` of each JSON line. Raises `UsageError`."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            found.append(str(row.get("input") or row["question"]))
        except (ValueError, KeyError, AttributeError):
            cure = "Each line must be a JSON object with `input` or `question`."
            raise UsageError(f"Line {number} of {str(path)!r} has no question.", cure) from None
    return found


def _median(values: list[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if value != value else round(value, 4)
