"""Which sentences of an output its evidence does not support."""

from __future__ import annotations

from collections.abc import Sequence

from eval.sample import Sample
from eval.scorers.said import said
from eval.target import Output
from graphs.context import Checker


def evidence_of(sample: Sample, output: Output | None) -> list[str]:
    """The evidence the data set has for a sample (`contexts`, else `metadata.evidence`), and what the answer used."""
    known = list(sample.contexts or [])
    if not known and (written := sample.metadata.get("evidence")):
        known = [str(written)]
    if sample.metadata.get("answerable") is False or sample.metadata.get("is_impossible") is True:
        known = []  # passages that do not answer the question are no evidence for an answer
    if output is None:
        return known
    used = [item.passage.text for item in output.answer.evidence if item.kept] if output.answer else []
    headings = [item.passage.heading for item in output.answer.evidence if item.kept] if output.answer else []
    return [text for text in dict.fromkeys([*known, *used, *headings]) if text.strip()]


def unsupported(output: Output, evidence: Sequence[str], checker: Checker) -> tuple[int, int]:
    """Unsupported sentences and all sentences of an output; an abstention has none."""
    text = said(output)
    if not text:
        return 0, 0
    if output.answer is not None and output.answer.route.path == "tools":
        return 0, 0  # worked out, not remembered: nothing to look up
    sentences = checker.check(text.strip("“”"), list(evidence)).sentences
    return sum(not sentence.supported for sentence in sentences), len(sentences)
