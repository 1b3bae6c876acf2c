"""Hallucination: the share of answers and of sentences that evidence does not support."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Need, Scorer, Tools, mean, ratio
from eval.target import Output
from eval.ungrounded import evidence_of, unsupported


@dataclass(frozen=True)
class Hallucination(Scorer):
    """1 where a sentence is not supported by the evidence there is for the question, or used by the answer.

    Who says "I don't know" claims nothing. Where a question has no evidence at all, every claim is unsupported.
    """

    name: ClassVar[str] = "hallucination"
    needs: ClassVar[frozenset[Need]] = frozenset({"checker"})

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """Whether the answer is hallucinated; its sentences and the unsupported ones in the metadata."""
        if tools.checker is None:
            raise ValueError("The hallucination scorer needs a checker.")
        evidence = evidence_of(sample, output)
        wrong, sentences = unsupported(output, evidence, tools.checker())
        return _scored(wrong, sentences, bool(evidence_of(sample, None)))

    def failure(self, sample: Sample) -> Score:
        """Counted as one unsupported sentence: what failed is no proof of honesty."""
        return _scored(1, 1, bool(evidence_of(sample, None)))

    def metrics(self) -> tuple[Metric, ...]:
        """By answer, by sentence, and by answer where the data set has evidence for the question and where not."""
        return (
            mean("hallucinated_answers", better="lower"),
            ratio("hallucinated_sentences", "wrong", "sentences", better="lower"),
            mean("hallucinated_with_evidence", "with_evidence", better="lower"),
            mean("hallucinated_without_evidence", "without_evidence", better="lower"),
        )


def _scored(wrong: int, sentences: int, has_evidence: bool) -> Score:
    value = float(wrong > 0)
    kind = "with_evidence" if has_evidence else "without_evidence"
    return Score(value=value, metadata={"wrong": wrong, "sentences": sentences, kind: value})
