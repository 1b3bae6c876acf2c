"""Whether an answer is nearer to what an expert wrote than to the answer the expert corrected."""

from __future__ import annotations

import pytest

from eval.sample import Sample
from eval.scorers import make_scorer
from eval.scorers.base import Tools
from eval.target import Output


@pytest.mark.parametrize(
    ("said", "corrected", "share"),
    [
        ("Tea is a drink.", ["Tea is a drink. It comes from China, and people like it."], 1.0),
        ("Tea is a drink. It comes from China, and people like it.", ["Tea is a drink. It comes from China."], 0.0),
        ("Coffee.", ["Tea is a drink. It comes from China."], 0.0),
        ("Tea is a drink.", [], None),
    ],
)
def test_an_answer_is_nearer_to_the_target_or_to_what_was_corrected(
    said: str, corrected: list[str], share: float | None
) -> None:
    scorer = make_scorer("nearer", {})
    sample = Sample(id="1", input="?", target=["Tea is a drink."], metadata={"corrected": corrected})
    found = scorer.score(sample, Output(text=said), Tools())
    assert found.metadata.get("nearer") == share
    (metric,) = scorer.metrics()
    assert metric.parts([found]).tolist() == [[share or 0.0, 0.0 if share is None else 1.0]]
