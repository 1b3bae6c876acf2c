"""Which worked examples a prompt gets: near to what is asked, and unlike each other. And what they say by themselves.

Maximal marginal relevance (Carbonell & Goldstein, 1998): each next example is near to the question and brings what
those taken before it lack.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEAR = 0.75
"""How much nearness counts against difference, 0–1."""
_SAME = 0.985
"""From this cosine on, two examples say the same."""
_PULL = 1.0
"""Of ridge regression: how much an example that stands alone counts for less."""


def pick(asked: NDArray[np.float32], vectors: NDArray[np.float32], most: int) -> list[tuple[int, float]]:
    """Rows of `vectors` (n, dimensions; unit length) for the vector `asked`, each with its cosine, the nearest last."""
    near = vectors @ asked
    alike = vectors @ vectors.T
    taken: list[int] = []
    while len(taken) < min(most, len(vectors)):
        worst = alike[:, taken].max(1) if taken else np.zeros(len(vectors))
        gain = NEAR * near - (1 - NEAR) * worst
        gain[taken] = -np.inf
        gain[worst > _SAME] = -np.inf
        best = int(gain.argmax())
        if not np.isfinite(gain[best]):
            break
        taken.append(best)
    return sorted(((index, float(near[index])) for index in taken), key=lambda item: item[1])


def vote(asked: NDArray[np.float32], vectors: NDArray[np.float32], labels: Sequence[str]) -> tuple[str, float]:
    """The label that examples with these vectors (n, dimensions) and labels give a text, and its lead over the next.

    Ridge regression on the vectors (one-hot labels, in its dual form), which weighs examples against each other where
    a count of neighbours does not.
    """
    names = sorted(set(labels))
    truth = np.array([[float(label == name) for name in names] for label in labels])
    mean = truth.mean(0)
    weights = np.linalg.solve(vectors @ vectors.T + _PULL * np.eye(len(vectors)), truth - mean)
    scores = mean + (vectors @ asked) @ weights
    best = int(scores.argmax())
    second = max((float(score) for at, score in enumerate(scores) if at != best), default=0.0)
    return names[best], float(scores[best]) - second
