"""Hybrid search over any store: both halves are asked, and their scores become one.

Every store brings the same two halves (`near`, `words`), so the fusion, its measurements and its tests are the same for
all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from assistant.knowledge.types import ChunkStore, Hit, Vectors, Where

CANDIDATES = 100
"""How many each half brings to the fusion, at least."""
NOTHING = Where()


def search(
    store: ChunkStore, collection: str, text: str, vector: Vectors, k: int, alpha: float, where: Where | None = None
) -> list[Hit]:
    """The best `k` chunks, best first. A half without a share (`alpha` 0 or 1) is not asked."""
    limit, narrowed = max(CANDIDATES, k), where or NOTHING
    cosines = store.near(collection, vector, limit, narrowed) if alpha > 0 else {}
    found = store.words(collection, text, limit, narrowed) if alpha < 1 and text.strip() else {}
    scores = fuse(cosines, found, alpha)
    held = store.get(collection, list(scores)[:k])
    return [
        Hit(chunk, scores[name], float(own @ vector.reshape(-1)), found.get(name, 0.0), own)
        for name in list(scores)[:k]
        if name in held
        for chunk, own in [held[name]]
    ]


def fuse(cosines: Mapping[str, float], words: Mapping[str, float], alpha: float) -> dict[str, float]:
    """Relative-score fusion of the two halves of a search, best first; ties in the order of the ids."""
    near, found = _stretched(cosines), _stretched(words)
    scores = {name: alpha * near.get(name, 0.0) + (1 - alpha) * found.get(name, 0.0) for name in {**near, **found}}
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))


def _stretched(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores from 0 (the worst found) to 1 (the best); all 1 where they do not differ."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {name: (score - low) / (high - low) if high > low else 1.0 for name, score in scores.items()}
