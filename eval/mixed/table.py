"""What came of a mixed set, path by path: shares with intervals, paired differences, time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from eval.mixed.outcomes import Outcome, by_row

_DRAWS = 2000


@dataclass(frozen=True)
class Share:
    """A share of rows with its 95 % interval (Wilson), all in percent."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.1f} % ({self.low:.1f}–{self.high:.1f})"


def share(hits: Sequence[bool]) -> Share:
    """The share of hits. Raises `ValueError` on no rows."""
    if not hits:
        raise ValueError("No rows to count: 0 given, at least 1 needed.")
    count, rate, z = len(hits), sum(hits) / len(hits), 1.96
    middle = (rate + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    return Share(100 * rate, 100 * (middle - reach), 100 * (middle + reach), count)


def difference(one: Sequence[float], other: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Mean of `one` less `other`, row by row, with a paired bootstrap 95 % interval; in percent."""
    gaps = 100 * (np.asarray(one, float) - np.asarray(other, float))
    picks = np.random.default_rng(seed).integers(0, len(gaps), (_DRAWS, len(gaps)))
    low, high = np.quantile(gaps[picks].mean(1), [0.025, 0.975])
    return float(gaps.mean()), float(low), float(high)


def ratio(one: Sequence[float], other: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Sum of `one` over the sum of `other` with a paired bootstrap 95 % interval."""
    first, second = np.asarray(one, float), np.asarray(other, float)
    picks = np.random.default_rng(seed).integers(0, len(first), (_DRAWS, len(first)))
    drawn = first[picks].sum(1) / np.maximum(second[picks].sum(1), 1e-9)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(first.sum() / max(second.sum(), 1e-9)), float(low), float(high)


class Table:
    """Outcomes of rows that every asked path has answered."""

    def __init__(self, outcomes: Sequence[Outcome], paths: Sequence[str]) -> None:
        rows = by_row(outcomes)
        self.rows = [tried for tried in rows.values() if set(paths) <= set(tried)]
        self.paths = list(paths)
        self.singles = [path for path in paths if path != "auto"]

    def column(self, path: str, value: Callable[[Outcome], Any]) -> list[Any]:
        """A value of every row on one path."""
        return [value(tried[path]) for tried in self.rows]

    def right(self, path: str, kind: str = "") -> list[bool]:
        """Which rows (of a kind) a path got right."""
        return [tried[path].right for tried in self.rows if not kind or tried[path].kind == kind]

    def seconds(self, path: str) -> list[float]:
        """What each row took on a path."""
        return [float(one) for one in self.column(path, lambda outcome: outcome.seconds)]

    def kinds(self) -> list[str]:
        """The kinds there are, in a fixed order."""
        return sorted({tried[self.paths[0]].kind for tried in self.rows})

    def best_single(self) -> str:
        """The path that alone gets most right."""
        return max(self.singles, key=lambda path: sum(self.right(path)))

    def costliest(self) -> str:
        """The path that alone takes longest."""
        return max(self.singles, key=lambda path: sum(self.seconds(path)))

    def summary(self) -> dict[str, Any]:
        """The figures of the targets: accuracy kept and time taken, against the best and the costliest single path."""
        best, dear = self.best_single(), self.costliest()
        found: dict[str, Any] = {"n": len(self.rows), "best_single": best, "costliest": dear}
        for name, other in (("best_single", best), ("costliest", dear)):
            found[f"right_against_{name}"] = ratio(
                [float(one) for one in self.right("auto")], [float(one) for one in self.right(other)]
            )
        found["time_against_costliest"] = ratio(self.seconds("auto"), self.seconds(dear))
        found["gain_over_best_single"] = difference(self.right("auto"), self.right(best))
        return found


def markdown(table: Table, words: Mapping[str, str]) -> str:
    """The table of paths, and that of paths by kind, as Markdown."""
    head = "| path | right | wrong but said as if right | median time | total time |\n|---|---|---:|---:|---:|\n"
    lines = [
        f"| {words.get(path, path)} | {share(table.right(path))} "
        f"| {share(table.column(path, lambda outcome: outcome.bluffed)).value:.1f} % "
        f"| {median(table.seconds(path)):.2f} s | {sum(table.seconds(path)):.0f} s |"
        for path in table.paths
    ]
    kinds = table.kinds()
    second = "| kind | rows | " + " | ".join(words.get(path, path) for path in table.paths) + " |\n|---|---:|"
    second += "---:|" * len(table.paths) + "\n"
    rows = [
        f"| {kind} | {len(table.right(table.paths[0], kind))} | "
        + " | ".join(f"{share(table.right(path, kind)).value:.0f} %" for path in table.paths)
        + " |"
        for kind in kinds
    ]
    return head + "\n".join(lines) + "\n\n" + second + "\n".join(rows) + "\n"
