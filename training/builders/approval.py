"""Made rows wait for a person: shown one by one, kept, dropped or mended; what was decided stays decided."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from graphs.errors import NotFoundError, UsageError
from training.registry import write_whole

Row = dict[str, Any]
Verdict = Literal["keep", "drop"]
CANDIDATES, DECISIONS, APPROVED, REJECTED = "candidates.jsonl", "decisions.jsonl", "approved.jsonl", "rejected.jsonl"


class Desk:
    """A folder of made rows.

    FOLDER/candidates.jsonl     rows that passed the checks
    FOLDER/rejected.jsonl       what did not, and why
    FOLDER/decisions.jsonl      what a person decided, one line each; the last word on a row counts
    FOLDER/approved.jsonl       what training reads
    """

    def __init__(self, folder: Path) -> None:
        """Raises `NotFoundError` where the folder holds no made rows."""
        self.folder = folder
        if not (folder / CANDIDATES).is_file():
            cure = "Make some with `crossroads data build-grounded` or `build-preferences`."
            raise NotFoundError(f"{str(folder)!r} holds no rows to approve.", cure)

    def waiting(self) -> list[Row]:
        """Rows nobody has decided on, in their order."""
        decided = self._decided()
        return [row for row in read_lines(self.folder / CANDIDATES) if row["id"] not in decided]

    def decide(self, row_id: str, verdict: Verdict, **mended: str) -> None:
        """Keep or drop a row; `mended` replaces columns of a kept one. Raises `UsageError` for an unknown id."""
        if row_id not in {row["id"] for row in read_lines(self.folder / CANDIDATES)}:
            raise UsageError(f"There is no row {row_id!r} in {str(self.folder)!r}.", "See its candidates.jsonl.")
        with (self.folder / DECISIONS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"id": row_id, "verdict": verdict, **mended}, ensure_ascii=False) + "\n")

    def write_approved(self) -> int:
        """Write what was kept to `approved.jsonl`; how many rows."""
        decided = self._decided()
        kept = []
        for row in read_lines(self.folder / CANDIDATES):
            decision = decided.get(row["id"], {})
            if decision.get("verdict") == "keep":
                mended = {key: value for key, value in decision.items() if key not in {"id", "verdict"}}
                kept.append({**row, **mended})
        write_lines(self.folder / APPROVED, kept)
        return len(kept)

    def counts(self) -> dict[str, int]:
        """How many rows wait, were kept, and were dropped."""
        verdicts = [decision["verdict"] for decision in self._decided().values()]
        kept = verdicts.count("keep")
        return {"waiting": len(self.waiting()), "kept": kept, "dropped": len(verdicts) - kept}

    def _decided(self) -> dict[str, Row]:
        path = self.folder / DECISIONS
        return {row["id"]: row for row in read_lines(path)} if path.is_file() else {}


def lay_out(folder: Path, rows: Callable[[Callable[[str, str], None]], Iterable[Row]]) -> dict[str, int]:
    """Make rows and write them for approval; `rows` is handed what to call for a rejected one. How many of each.

    Decisions of an earlier making stay: a row with the same id keeps its verdict.
    """
    folder.mkdir(parents=True, exist_ok=True)
    refused: list[Row] = []
    made = list(rows(lambda question, why: refused.append({"question": question, "why": why})))
    write_lines(folder / CANDIDATES, made)
    write_lines(folder / REJECTED, refused)
    return {"candidates": len(made), "rejected": len(refused)}


def read_lines(path: Path) -> list[Row]:
    """The objects of a JSON Lines file of ours."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def write_lines(path: Path, rows: Iterable[Row]) -> None:
    """Write JSON Lines, whole or not at all."""
    write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
