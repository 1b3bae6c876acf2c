"""What the model itself wrote, before a check put a quotation or a refusal in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Need, Scorer, Tools, answers_of, mean
from eval.scorers.said import said
from eval.squad import recall
from eval.target import Output


@dataclass(frozen=True)
class Draft(Scorer):
    """How many of the target's words stand in what was written; a quotation saves an answer, not a prompt.

    What a broken prompt does is hidden by the check that replaces the model's words; here it shows.
    """

    name: ClassVar[str] = "draft"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The best recall of any target's words."""
        return Score(value=recall(written(output), answers_of(sample)))

    def metrics(self) -> tuple[Metric, ...]:
        """`draft_recall`."""
        return (mean("draft_recall"),)


def written(output: Output) -> str:
    """The model's words; empty where none were written, and a quotation is not the model's."""
    quoted = output.answer is not None and output.answer.quoted
    return output.draft or ("" if quoted else said(output))
