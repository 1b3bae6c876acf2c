"""What must not be trained on: texts of the evaluation sets, found by runs of words.

A text of 13 words or more is found again by any 13 of them in a row (as GPT-3's decontamination did, Brown et al.
2020), one of 8 to 12 by any 8, a shorter one of at least 3 only where a whole field is that text.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval import sample
from training.data.rows import rows_of
from training.data.words import run_hashes, words

Runs = NDArray[np.uint64]

LONG, SHORT, LEAST = 13, 8, 3
_HELD_OUT = ("_dev", "_val", "_valid", "_test", "_eval", "_questions", "_contrast", "questions")
_NOT_TEXT = {"id", "source", "licence", "split", "dataset", "title", "label", "path", "document_id", "kind"}


class Contamination:
    """The runs of words of evaluation sets, as hashes: 8 bytes a run."""

    def __init__(self, sources: Sequence[Path]) -> None:
        self.sources = list(sources)
        self._runs = {LONG: np.zeros(0, dtype=np.uint64), SHORT: np.zeros(0, dtype=np.uint64)}
        self._new: dict[int, list[Runs]] = {LONG: [], SHORT: []}
        self._whole: set[int] = set()
        for row in rows_of(self.sources):
            for text in _texts(row.values):
                self._add(words(text))

    @classmethod
    def of(cls, texts: Iterable[str]) -> Contamination:
        """What must not be trained on where it is at hand as texts."""
        made = cls([])
        for text in texts:
            made._add(words(text))
        return made

    def _add(self, found: list[str]) -> None:
        size = LONG if len(found) >= LONG else SHORT if len(found) >= SHORT else 0
        if size:
            self._new[size].append(run_hashes(found, size))
        elif len(found) >= LEAST:
            self._whole.add(_hash(" ".join(found)))

    def _known(self, size: int) -> Runs:
        """The runs of one length, in order; those added since are put in."""
        if self._new[size]:
            self._runs[size] = np.unique(np.concatenate([self._runs[size], *self._new[size]]))
            self._new[size].clear()
        return self._runs[size]

    def found_in(self, fields: Sequence[str]) -> str:
        """The words of an evaluation set that stand in one of the fields; empty where there are none."""
        for field in fields:
            seen = words(field)
            if len(seen) < SHORT and _hash(" ".join(seen)) in self._whole:
                return " ".join(seen)
            for size in self._runs:
                known, runs = self._known(size), run_hashes(seen, size)
                if not len(known) or not len(runs):
                    continue
                places = np.minimum(np.searchsorted(known, runs), len(known) - 1)
                if len(shared := np.flatnonzero(known[places] == runs)):
                    return " ".join(seen[shared[0] : shared[0] + size])
        return ""


def evaluation_sets() -> list[Path]:
    """Every evaluation set known here: the suites that ship, and the held-out files in `CROSSROADS_DATA`."""
    suites = Path(sample.__file__).parent / "suites"
    found = [path for path in suites.rglob("*.jsonl*") if path.is_file()] if suites.is_dir() else []
    named = os.environ.get("CROSSROADS_DATA", "")
    for path in sorted(Path(named).glob("*.jsonl*")) if named else ():
        stem = path.name.split(".")[0]
        if stem.endswith(_HELD_OUT):
            found.append(path)
    return found


def _texts(values: Any) -> Iterator[str]:
    """Every text in a row, however deep, without names and labels."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, dict):
        for key, value in values.items():
            if key not in _NOT_TEXT:
                yield from _texts(value)
    elif isinstance(values, list):
        for value in values:
            yield from _texts(value)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
