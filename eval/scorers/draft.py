"""What the model itself wrote, before a check put a quotation or a refusal in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Need, Scorer, Tools, answers_of, mean
from eval.scorers.said import said
from eval.squad import f1, recall
from eval.target import Output


@dataclass(frozen=True)
class Draft(Scorer):
    """How many words what was written shares with the target; a quotation saves an answer, not a prompt.

    What a broken prompt does is hidden by the check that replaces the model's words; here it shows.
    """

    name: ClassVar[str] = "draft"
    needs: ClassVar[frozenset[Need]] = frozenset({"target"})

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The best F1 against any target, and the best recall in the metadata."""
        answers, text = answers_of(sample), written(output)
        return Score(value=f1(text, answers), metadata={"recall": recall(text, answers)})

    def failure(self, sample: Sample) -> Score:
        """Nothing was written."""
        return Score(value=0.0, explanation="The target failed.", metadata={"recall": 0.0})

    def metrics(self) -> tuple[Metric, ...]:
        """`draft_f1` and `draft_recall`."""
        return mean("draft_f1"), mean("draft_recall", "recall")


def written(output: Output) -> str:
    """The model's words; empty where none were written, and a quotation is not the model's."""
    quoted = output.answer is not None and output.answer.quoted
    return output.draft or ("" if quoted else said(output))
