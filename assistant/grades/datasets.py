"""Data sets of a home, each under the hash of its rows: the rows, which grades each comes from, and the card."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.grades.rows import Rows
from graphs.errors import NotFoundError
from training.registry import write_whole

FOLDER = "datasets"
ROWS, SOURCES, CARD, RECORD = "rows.jsonl", "sources.jsonl", "card.md", "dataset.json"


@dataclass(frozen=True)
class Kept:
    """A data set on disk."""

    folder: Path
    record: dict[str, Any]

    @property
    def rows(self) -> Path:
        """The file training reads."""
        return self.folder / ROWS

    def sources(self) -> list[list[dict[str, Any]]]:
        """For each row the grades it was made of."""
        lines = (self.folder / SOURCES).read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["sources"] for line in lines]


def keep(home: Path, wanted: str, rows: Rows, card: str) -> Kept:
    """Write a data set; equal rows are kept once, under one name. `dataset.json`, written last, says it is whole."""
    folder = home / FOLDER / f"{wanted}-{rows.sha256[:16]}"
    if not (folder / RECORD).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / ROWS, _lines(rows.rows))
        write_whole(folder / SOURCES, _lines([{"sources": one} for one in rows.sources]))
        write_whole(folder / CARD, card)
        counts = {
            "repeated": rows.repeated,
            "near": rows.near,
            "marked": rows.marked,
            "held_out": rows.held_out,
            "unused": rows.unused,
        }
        about = {"format": wanted, "sha256": rows.sha256, "rows": len(rows.rows), "graders": sorted(rows.graders)}
        write_whole(folder / RECORD, json.dumps({**about, **counts, "excluded": rows.excluded}, indent=1))
    return open_dataset(home, folder.name)


def open_dataset(home: Path, name: str) -> Kept:
    """A data set by its name. Raises `NotFoundError`."""
    folder = home / FOLDER / Path(name).name
    try:
        return Kept(folder, json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        cure = "It was deleted, or made in another home."
        raise NotFoundError(f"There is no data set {name!r}.", cure) from None


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
