"""The sheet of removed examples: a few of each reason, for a person to judge the filters by."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from training.data.filters import Text

_EACH = 50
_SHOWN = 400


class Removed:
    """Writes `reason, detail, where, id, text` as CSV; the first 50 of each reason. Appends where the file is there."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._counts: Counter[str] = Counter()
        new = not path.exists()
        if not new:
            with path.open(encoding="utf-8", newline="") as handle:
                self._counts.update(row["reason"] for row in csv.DictReader(handle))
        self._file = path.open("a", encoding="utf-8", newline="")
        self._sheet = csv.writer(self._file)
        if new:
            self._sheet.writerow(("reason", "detail", "where", "id", "text"))

    def add(self, text: Text, reason: str) -> None:
        """Note one that was removed."""
        kind, _, detail = reason.partition(":")
        self._counts[kind] += 1
        if self._counts[kind] <= _EACH:
            self._sheet.writerow((kind, detail.strip(), text.where, text.id, text.text[:_SHOWN]))
            self._file.flush()

    def __enter__(self) -> Removed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
