"""How far the automatic judges may be trusted here: the grounding checker and the judge against this home's experts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from assistant.grades.judged import Judged
from assistant.grades.passages import SUPPORTED
from assistant.grades.rows import Compared
from eval.scorers.base import mean
from eval.squad import auc
from eval.statistics import interval
from graphs.errors import UsageError


def checker_here(answers: Sequence[Judged]) -> dict[str, Any]:
    """The grounding checker against experts who graded `supported` 4 or more (it is) or 2 or less (it is not).

    `agrees`: share of answers on which both say the same. `when_supported`, `when_not`: how often experts agree where
    the checker says so. Each with `n` and its 95 % interval. `auc`: chance that it scores a supported answer higher.
    """
    rows = [(one.logged.answer.grounding, one.scores.get(SUPPORTED)) for one in answers]
    told = [(g.score, g.label == "supported", score >= 4) for g, score in rows if g and score and not 2 < score < 4]
    same = [machine == expert for _, machine, expert in told]
    found: dict[str, Any] = {"agrees": share(same)}
    found["when_supported"] = share([expert for _, machine, expert in told if machine])
    found["when_not"] = share([not expert for _, machine, expert in told if not machine])
    area = auc([score for score, _, expert in told if expert], [score for score, _, expert in told if not expert])
    return {**found, "auc": None if area != area else round(area, 4)}


def judge_here(judge: Callable[[str], str], compared: Sequence[Compared]) -> dict[str, Any]:
    """The judge against experts' blind choices, each pair asked in both orders.

    Raises `UsageError` where no expert preferred one of two answers yet.
    """
    from eval.judging import Pair, agreement

    pairs = []
    for number, (comparison, question, first, second) in enumerate(compared):
        sides = {"first": (first, second), "second": (second, first)}.get(comparison.choice)
        if sides:
            pairs.append(Pair(str(number), question, sides[0].text, sides[1].text, comparison.grader))
    if not pairs:
        raise UsageError("No expert has preferred one of two answers yet.", "Compare some: Grade, Two side by side.")
    found = agreement(judge, pairs)
    return {"agrees": found["metrics"]["agreement"], "by_grader": found["sources"], "metrics": found["metrics"]}


def share(values: Sequence[bool]) -> dict[str, Any]:
    """A share with its exact 95 % interval; None where there is nothing to count."""
    parts = np.array([[float(value), 1.0] for value in values]).reshape(-1, 2)
    had = interval(mean("share"), parts, [str(number) for number in range(len(values))])
    if had is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    return {"value": round(had.value, 4), "low": had.low, "high": had.high, "n": len(values)}
