"""A test that may be looked at after every answer: does a new model fail more often than the one it is held against?

Source: Turner, Ly and Gruenwald, Generic E-variables for exact sequential k-sample tests (2024), for two streams of
yes and no in blocks of one each. A block's factor is

    p(new | a) p(old | b) / (p(new | c) p(old | c)),    c = (a + b) / 2,

with a and b estimated from earlier blocks alone and a > b; where they are not, nothing is bet and the factor is 1.
With d = (a - b) / (2 c (1 - c)) it is (1 + d (x - c)) (1 - d (y - c)) for outcomes x, y in {0, 1}, whose mean under
failure rates s <= t of new and old is (1 + d (s - c)) (1 - d (t - c)) <= (1 + d (t - c)) (1 - d (t - c)) <= 1. So the
running product has mean at most 1 whenever the new one fails no more often, and by Ville's inequality it ever reaches
1 / error with chance `error` at most, however long it is watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_PRIOR = 0.5


@dataclass(frozen=True)
class Evidence:
    """What the blocks seen so far say against the new model."""

    value: float
    """The greatest value the product had: at least 1 / error means that it fails more often."""
    blocks: int
    new_rate: float | None
    old_rate: float | None

    def against(self, error: float) -> bool:
        """Whether it fails more often, wrongly said with chance `error` at most over the whole watch."""
        return self.value >= 1 / error


def worse(new: Sequence[bool], old: Sequence[bool]) -> Evidence:
    """The evidence that `new` fails more often than `old`, in the order the failures (True) were seen; what one has
    more than the other waits for its partner."""
    product = greatest = 1.0
    failed_new = failed_old = 0
    blocks = list(zip(new, old, strict=False))
    for seen, (one, other) in enumerate(blocks):
        a = (failed_new + _PRIOR) / (seen + 2 * _PRIOR)
        b = (failed_old + _PRIOR) / (seen + 2 * _PRIOR)
        if a > b:
            c = (a + b) / 2
            d = (a - b) / (2 * c * (1 - c))
            product *= (1 + d * (one - c)) * (1 - d * (other - c))
            greatest = max(greatest, product)
        failed_new, failed_old = failed_new + one, failed_old + other
    count = len(blocks)
    rates = (failed_new / count, failed_old / count) if count else (None, None)
    return Evidence(greatest, count, *rates)
