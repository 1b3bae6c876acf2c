"""Answerability: does the target refuse what cannot be answered, and answer what can?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Scorer, Tools, answers_of, mean, ratio
from eval.scorers.said import abstained
from eval.target import Output


@dataclass(frozen=True)
class Answerability(Scorer):
    """Compares "I don't know" with whether there is an answer: `metadata[field]`, else whether there is a target."""

    field: str = "answerable"

    name: ClassVar[str] = "answerability"

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """1.0 where the decision was right."""
        return _judged(self._answerable(sample), abstained(output))

    def failure(self, sample: Sample) -> Score:
        """Wrong either way: nothing was answered, and nothing was refused on purpose."""
        return _judged(answerable := self._answerable(sample), refused=answerable).model_copy(
            update={"explanation": "The target failed."}
        )

    def metrics(self) -> tuple[Metric, ...]:
        """`answerability` (right decisions), `abstain_precision`, `abstain_recall`, `answered` (of the answerable)."""
        return (
            mean("answerability"),
            ratio("abstain_precision", "rightly_refused", "refused"),
            ratio("abstain_recall", "rightly_refused", "unanswerable"),
            ratio("answered", "rightly_answered", "answerable"),
        )

    def _answerable(self, sample: Sample) -> bool:
        named = sample.metadata.get(self.field)
        return bool(named) if named is not None else any(answer.strip() for answer in answers_of(sample))


def _judged(answerable: bool, refused: bool) -> Score:
    counts = {
        "refused": int(refused),
        "unanswerable": int(not answerable),
        "answerable": int(answerable),
        "rightly_refused": int(refused and not answerable),
        "rightly_answered": int(answerable and not refused),
    }
    return Score(value=float(refused != answerable), metadata=counts)
