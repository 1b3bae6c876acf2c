"""The vectors of texts embedded lately: a question is embedded once a turn, a sentence that is read again not at all.

One belongs to one model and dies with it, so a vector of another model is never given.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from assistant.knowledge.types import Vectors

MOST = 8192
"""Vectors kept: 13 MB of 384 dimensions."""
_LARGE = 512
"""Texts from which on a call is the loading of documents, whose passages are not embedded twice."""


class RecentVectors:
    """Keeps what was embedded, the least recently used leaves first. Safe under threads."""

    def __init__(self, embed: Callable[[Sequence[str]], Vectors], most: int = MOST) -> None:
        self._embed = embed
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Vectors] = OrderedDict()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of the texts, shape (len(texts), dimensions); only what is not kept is embedded."""
        if len(texts) > _LARGE:
            return self._embed(texts)
        found = self._find(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            found |= dict(zip(missing, self._embed(missing), strict=True))
            self._keep({text: found[text] for text in missing})
        return np.stack([found[text] for text in texts]) if texts else self._embed([])

    def _find(self, texts: Sequence[str]) -> dict[str, Vectors]:
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
            for text in found:
                self._kept.move_to_end(text)
        return found

    def _keep(self, new: dict[str, Vectors]) -> None:
        with self._lock:
            self._kept.update(new)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Keep none."""
        with self._lock:
            self._kept.clear()
