import pytest

from assistant.answering import _prices
from assistant.config import Models


@pytest.mark.parametrize(
    ("name", "prices"), [("openai:gpt-5", (2.0, 8.0)), ("local:mine", (0.0, 0.0)), ("hf:some/model", (0.0, 0.0))]
)
def test_only_paid_models_cost_something(name: str, prices: tuple[float, float]) -> None:
    assert _prices(Models(usd_per_million_in=2, usd_per_million_out=8), name) == prices
