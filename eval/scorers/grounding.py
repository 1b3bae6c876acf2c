"""Hallucination: which answers and which of their sentences the evidence does not support, by the live checker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Need, Scorer, Tools, mean, ratio
from eval.scorers.gold import gold_of
from eval.scorers.said import abstained, said
from eval.target import Output


@dataclass(frozen=True)
class GroundingScorer(Scorer):
    """Checks each sentence against evidence: what the answer kept, else the sample's `contexts`, else its gold.

    An answer that says it does not know claims nothing, so nothing in it is unsupported.
    """

    against: Literal["auto", "evidence", "contexts", "gold"] = "auto"
    gold: str = "evidence"

    name: ClassVar[str] = "grounding"
    needs: ClassVar[frozenset[Need]] = frozenset({"checker"})

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The weakest sentence's support; counts of sentences in the metadata, with those not supported written out."""
        if abstained(output) or tools.checker is None:
            return _counted(1.0, 0, 0, [])
        found = tools.checker().check(said(output), self._evidence(sample, output))
        weak = [sentence.text for sentence in found.sentences if not sentence.supported]
        return _counted(found.score, len(found.sentences), len(weak), weak)

    def failure(self, sample: Sample) -> Score:
        """One sentence, not supported."""
        return _counted(0.0, 1, 1, []).model_copy(update={"explanation": "The target failed."})

    def metrics(self) -> tuple[Metric, ...]:
        """`support` (mean of the weakest sentences), `unsupported_answers`, `unsupported_sentences`."""
        return (
            mean("support"),
            mean("unsupported_answers", "unsupported_answer", better="lower"),
            ratio("unsupported_sentences", "unsupported", "sentences", better="lower"),
        )

    def _evidence(self, sample: Sample, output: Output) -> list[str]:
        kept = [item.passage for item in output.answer.evidence if item.kept] if output.answer else []
        own = [text for passage in kept for text in (passage.text, passage.heading, passage.title) if text]
        choices = {"evidence": own, "contexts": list(sample.contexts or []), "gold": gold_of(sample, self.gold)}
        if self.against != "auto":
            return choices[self.against]
        return next((texts for texts in choices.values() if texts), [])


def _counted(score: float, sentences: int, unsupported: int, weak: list[str]) -> Score:
    counts = {"sentences": sentences, "unsupported": unsupported, "unsupported_answer": int(unsupported > 0)}
    return Score(value=score, metadata={**counts, "weak": weak})
