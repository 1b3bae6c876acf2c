"""Which worked examples a prompt gets: near to what is asked, and unlike each other.

Maximal marginal relevance (Carbonell & Goldstein, 1998): each next example is near to the question and brings what
those taken before it lack.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEAR = 0.75
"""How much nearness counts against difference, 0–1."""
_SAME = 0.985
"""From this cosine on, two examples say the same."""


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
