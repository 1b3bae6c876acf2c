"""RAGAS: its judge-free metrics, and with a judge faithfulness, answer relevancy, context precision and recall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Need, Scorer, Tools, answers_of, mean
from eval.target import Output
from graphs.errors import CrossroadsError, UsageError

if TYPE_CHECKING:
    from eval.ragas_bridge import Row


@dataclass(frozen=True)
class Ragas(Scorer):
    """Each metric on its own; where one fails (no context, a judge's reply that is no JSON) it counts as 0."""

    name: ClassVar[str] = "ragas"
    needs: ClassVar[frozenset[Need]] = frozenset({"target", "encoder"})

    use: tuple[str, ...] = ("string_similarity", "semantic_similarity")
    """Names of `eval.ragas_bridge.METRICS`."""

    def __post_init__(self) -> None:
        from eval.ragas_bridge import METRICS

        unknown = [name for name in self.use if name not in METRICS]
        if unknown:
            raise ValueError(f"there is no metric {unknown[0]!r}; there are {', '.join(METRICS)}")

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The mean of its metrics; each under its own name in the metadata."""
        from eval.ragas_bridge import measure

        row = row_of(sample, output)
        encoder = tools.encoder() if tools.encoder else None
        values, failed = {}, []
        for name in self.use:
            try:
                values[name] = measure(name, row, tools.judge, encoder)
            except UsageError:
                raise  # a judge or an encoder that is missing fails every row: that is no verdict
            except CrossroadsError as error:
                values[name] = 0.0
                failed.append(error.message)
        whole = sum(values.values()) / len(values)
        return Score(value=whole, explanation=" ".join(failed), metadata={**values, "failed": len(failed)})

    def failure(self, sample: Sample) -> Score:
        """Every metric is 0."""
        del sample
        return Score(value=0.0, explanation="The target failed.", metadata=dict.fromkeys(self.use, 0.0))

    def metrics(self) -> tuple[Metric, ...]:
        """`ragas_NAME` for each."""
        return tuple(mean(f"ragas_{name}", name) for name in self.use)


@dataclass(frozen=True)
class RagasJudged(Ragas):
    """RAGAS's metrics that ask a judge; without one there is no verdict on them."""

    name: ClassVar[str] = "ragas_judged"
    needs: ClassVar[frozenset[Need]] = frozenset({"target", "encoder", "judge"})

    use: tuple[str, ...] = ("faithfulness", "answer_relevancy", "context_precision", "context_recall")


def row_of(sample: Sample, output: Output) -> Row:
    """What RAGAS looks at: the answer, what it was made from, and what it should have been."""
    from eval.ragas_bridge import Row

    kept = [item.passage.text for item in output.answer.evidence if item.kept] if output.answer else []
    evidence = sample.metadata.get("evidence")
    should = sample.contexts or ([str(evidence)] if evidence else [])
    contexts = kept or [passage.text for passage in output.passages]
    answers = answers_of(sample)
    return Row(sample.input, output.text, answers[0] if answers else "", tuple(contexts), tuple(should))
