"""What a scorer is: a judge of one output against one sample, and the metrics its scores add up to.

A metric is a function of sums over samples (`combine` of summed `parts`). So a mean, a ratio, macro-F1 and corpus BLEU
all have the same intervals and the same paired tests, computed from one matrix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from eval.sample import Sample, Score
from eval.target import Output

if TYPE_CHECKING:
    from graphs.context import Checker, Encoder  # with LangChain: half a second of importing

JUDGE_TOKENS = 256
"""What a judge may write: a grade and a sentence of reason."""
Floats = NDArray[np.float64]
Better = Literal["higher", "lower", "neither"]
Need = Literal["target", "contexts", "answer", "judge", "checker", "encoder"]


@dataclass(frozen=True)
class Metric:
    """One figure over all scores of a scorer."""

    name: str
    parts: Callable[[Sequence[Score]], Floats]
    """A row for each score, whose columns are summed over samples."""
    combine: Callable[[Floats], Floats]
    """The figure from the sums; works on the last axis, so a whole stack of resampled sums goes through at once."""
    better: Better = "higher"
    low: float | None = 0.0
    high: float | None = 1.0
    """The least and the greatest value it can have; None where there is no bound."""


@dataclass(frozen=True)
class Tools:
    """What scorers may use; brought by the application, loaded when first used."""

    checker: Callable[[], Checker] | None = None
    encoder: Callable[[], Encoder] | None = None
    judge: Callable[[str], str] | None = None
    """Asks the judge a prompt and returns what it wrote; None where no judge is set."""
    judge_name: str = ""
    identity: dict[str, str] = field(default_factory=dict)
    """Need → hash of the model behind it, for the cache."""


@dataclass(frozen=True)
class Scorer(ABC):
    """A judge. Its fields are its options in a suite; each subclass is one small file."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[Need]] = frozenset()
    requires: ClassVar[tuple[str, ...]] = ()
    """Packages it imports that come with an extra only."""
    version: ClassVar[int] = 1
    """Counted up when the meaning of its scores changes, so that cached ones are not used."""

    where: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """Field of a sample's metadata → the value (or list of values) it must have to be judged; null means none."""

    def judges(self, sample: Sample) -> bool:
        """Whether a sample is judged: wanted by the suite, and of the kind this scorer is for."""
        wanted = all(
            sample.metadata.get(key) in (value if isinstance(value, list) else [value])
            for key, value in self.where.items()
        )
        return wanted and self.applies(sample)

    def applies(self, sample: Sample) -> bool:
        """Whether a sample can be judged. Never looks at the output: the denominator must not depend on it."""
        return sample.target is not None if "target" in self.needs else True

    def check(self, sample: Sample) -> str:
        """What is wrong with a sample this scorer is to judge; asked before any target is. Empty where nothing is."""
        del sample
        return ""

    @abstractmethod
    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The score of an output that did not fail."""

    def failure(self, sample: Sample) -> Score:
        """The score of a sample whose target failed: the worst there is."""
        del sample
        return Score(value=0.0, explanation="The target failed.")

    def metrics(self) -> tuple[Metric, ...]:
        """The figures its scores add up to; the mean of its values unless it says otherwise."""
        return (mean(self.name),)


def mean(name: str, key: str = "", better: Better = "higher", high: float | None = 1.0) -> Metric:
    """The mean of the values, or of a number of the metadata; a score without that number is left out."""
    return Metric(name, lambda scores: _value_and_one(scores, key), _ratio, better, 0.0, high)


def ratio(name: str, top: str, bottom: str, better: Better = "higher") -> Metric:
    """The sum of one number of the metadata over the sum of another."""

    def parts(scores: Sequence[Score]) -> Floats:
        return np.array([[_number(s, top), _number(s, bottom)] for s in scores], dtype=float).reshape(-1, 2)

    return Metric(name, parts, _ratio, better)


def answers_of(sample: Sample) -> list[str]:
    """The targets as a list; empty where nothing is expected."""
    if sample.target is None:
        return []
    return [sample.target] if isinstance(sample.target, str) else list(sample.target)


def _value_and_one(scores: Sequence[Score], key: str) -> Floats:
    rows = [[s.value, 1.0] if not key else _number_and_one(s, key) for s in scores]
    return np.array(rows, dtype=float).reshape(-1, 2)


def _number_and_one(score: Score, key: str) -> list[float]:
    return [_number(score, key), 1.0] if score.metadata.get(key) is not None else [0.0, 0.0]


def _number(score: Score, key: str) -> float:
    found: Any = score.metadata.get(key)
    return float(found) if found is not None else 0.0


def _ratio(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1], dtype=float)
