"""Did the model's own words stand, or had they to be replaced by a quotation or a refusal?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Need, Scorer, Tools, answers_of
from eval.scorers.said import abstained
from eval.target import Output


@dataclass(frozen=True)
class OwnWords(Scorer):
    """1 where an answerable question was answered in the model's own words; a quotation saves an answer, not a prompt.

    What a broken prompt or model does is hidden by the check that replaces it; here it shows.
    """

    field: str = "answerable"

    name: ClassVar[str] = "own_words"
    needs: ClassVar[frozenset[Need]] = frozenset({"answer"})

    def applies(self, sample: Sample) -> bool:
        """Where there is an answer."""
        named = sample.metadata.get(self.field)
        return bool(named) if named is not None else any(answer.strip() for answer in answers_of(sample))

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """1.0 or 0.0."""
        quoted = output.answer is not None and output.answer.quoted
        return Score(value=float(not quoted and not abstained(output)))
