"""Learn the router from outcomes: for each row what was seen of it and which paths answered it well.

Rows are JSON Lines with `id`, `seen` (measure → number), `vector` (the question's embedding, may be empty), `weight`,
and `paths` (path → {`right`, `seconds`, `cost_usd`}). A row need not have every path: a user's vote knows one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np

from eval.squad import auc
from graphs.answer import Expected
from graphs.answer import Path as AnswerPath
from graphs.effort import PLANS
from graphs.errors import UsageError
from graphs.seen import NAMES
from training.router.model import Array, Head, RouterModel, fit_logistic

Rows = list[dict[str, Any]]
_FOLDS = 5
_LEAST_ROWS = 20
"""Outcomes a path needs before a curve is learned for it."""
_LEAST_TOLD = 5
"""Answers from documents that must tell whether the model's own words stood."""


def read_rows(files: Sequence[Path]) -> Rows:
    """Rows of the files, the last one of each id. Raises `UsageError` naming the line at fault."""
    from eval.sample import read_rows as lines

    rows: dict[str, dict[str, Any]] = {}
    for file in files:
        for number, row in lines(file):
            if not {"id", "seen", "paths"} <= set(row):
                cure = "Write it with `crossroads routing outcomes` or bench/outcomes.py."
                raise UsageError(f"{file}, line {number} is no outcome: it lacks id, seen or paths.", cure)
            if not row["seen"].get("kind_arithmetic"):  # that is for the calculator, by rule
                rows[row["id"]] = row
    return list(rows.values())


def learn(rows: Rows, model: str, directions: int, strength: float, seed: int) -> RouterModel:
    """The router learned from `rows`. Raises `UsageError` where no path has enough of them."""
    inputs, mean, scale, turned = _inputs(rows, directions)
    heads: dict[AnswerPath, Head] = {}
    for path in _paths(rows):
        known = [index for index, row in enumerate(rows) if path in row["paths"]]
        if len(known) >= _LEAST_ROWS:
            heads[path] = _head(inputs[known], _targets(rows, known, path), strength, seed)
    if not heads:
        raise UsageError(f"{len(rows)} outcomes are too few to learn from.", f"Bring {_LEAST_ROWS} of a path or more.")
    expected = {path: _expected(rows, path) for path in heads}
    return RouterModel(model, mean, scale, turned, heads, expected, _own_words(rows))


def _paths(rows: Rows) -> list[AnswerPath]:
    """The paths there are outcomes of; tools are planned by rules, so nothing is learned of them."""
    return sorted({path for row in rows for path in row["paths"]} - {"tools"})


def _targets(rows: Rows, known: Sequence[int], path: AnswerPath) -> Array:
    return np.array([float(rows[index]["paths"][path]["right"]) for index in known])


def _inputs(rows: Rows, count: int) -> tuple[Array, Array, Array, Array]:
    """Standardised inputs, their mean and scale, and the embedding's directions of greatest variance."""
    plain = np.array([[row["seen"].get(name, 0.0) for name in NAMES] for row in rows])
    vectors = [row.get("vector") or [] for row in rows]
    length = len(vectors[0])
    if not count or not length or any(len(vector) != length for vector in vectors):
        whole, directions = plain, np.zeros((0, 0))
    else:
        matrix = np.array(vectors)
        _, _, found = np.linalg.svd(matrix - matrix.mean(0), full_matrices=False)
        directions = np.round(found[:count], 4)
        whole = np.hstack([plain, matrix @ directions.T])
    mean, scale = whole.mean(0), whole.std(0)
    scale[scale < 1e-6] = 1.0
    return (whole - mean) / scale, mean, scale, directions


def _head(inputs: Array, targets: Array, strength: float, seed: int) -> Head:
    """A curve, calibrated on what curves that had not seen a row say of it (Platt, five folds)."""
    weights, bias = fit_logistic(inputs, targets, strength)
    folds = np.random.default_rng(seed).permutation(len(targets)) % _FOLDS
    unseen = np.zeros(len(targets))
    for fold in range(_FOLDS):
        inside = folds != fold
        own, shift = fit_logistic(inputs[inside], targets[inside], strength)
        unseen[~inside] = inputs[~inside] @ own + shift
    good = targets.sum()
    smooth = np.where(targets > 0, (good + 1) / (good + 2), 1 / (len(targets) - good + 2))  # Platt's targets
    slope, shift = fit_logistic(unseen[:, None], smooth, 1e-3)
    return Head(weights, bias, max(float(slope[0]), 0.05), shift)


def _own_words(rows: Rows) -> float | None:
    """How often the model's own words stood in an answer from documents (Laplace's rule); None where too few tell."""
    told = [row["paths"]["rag"].get("stood") for row in rows if "rag" in row["paths"]]
    stood = [bool(one) for one in told if one is not None]
    return round((sum(stood) + 1) / (len(stood) + 2), 4) if len(stood) >= _LEAST_TOLD else None


def _expected(rows: Rows, path: AnswerPath) -> Expected:
    told = [row["paths"][path] for row in rows if path in row["paths"]]
    seconds = median(one["seconds"] for one in told)
    return Expected(seconds=round(seconds, 4), cost_usd=median(one.get("cost_usd", 0.0) for one in told))


def judge(model: RouterModel, rows: Rows) -> dict[str, float]:
    """Figures on rows the model has not seen: each path's calibration, and what choosing by it gives."""
    figures: dict[str, float] = {"n": len(rows)}
    chances = [model.chances(row["seen"], row.get("vector") or []) for row in rows]
    errors, judged = [], 0
    for path in model.heads:
        known = [(chance[path], bool(row["paths"][path]["right"])) for row, chance in zip(rows, chances, strict=True)
                 if path in row["paths"]]  # fmt: skip
        if known:
            error = calibration_error([one for one, _ in known], [two for _, two in known])
            figures[f"ece_{path}"] = round(error, 4)
            area = auc([one for one, two in known if two], [one for one, two in known if not two])
            if area == area:
                figures[f"auc_{path}"] = round(area, 4)
            errors.append(error * len(known))
            judged += len(known)
    figures["ece"] = round(sum(errors) / judged, 4) if judged else 0.0
    return figures | _choosing(model, rows, chances)


def _choosing(model: RouterModel, rows: Rows, chances: Sequence[dict[AnswerPath, float]]) -> dict[str, float]:
    """Share right by the router's choice and by each path alone, on rows that know every path."""
    whole = [index for index, row in enumerate(rows) if set(model.heads) <= set(row["paths"])]
    if not whole:
        return {}
    share = PLANS["balanced"].share
    taken = [rows[index]["paths"][cheapest(chances[index], model.expected, share)]["right"] for index in whole]
    single = {path: float(np.mean([rows[i]["paths"][path]["right"] for i in whole])) for path in model.heads}
    oracle = [any(one["right"] for one in rows[index]["paths"].values()) for index in whole]
    figures = {"right": float(np.mean(taken)), "right_best_single": max(single.values())}
    figures["right_oracle"] = float(np.mean(oracle))
    return {name: round(value, 4) for name, value in figures.items()}


def cheapest(chances: dict[AnswerPath, float], expected: dict[AnswerPath, Expected], share: float) -> AnswerPath:
    """The cheapest path whose chance is at least `share` of the likeliest one's."""
    best = max(chances.values())
    clears = [path for path, chance in chances.items() if chance >= share * best]
    unknown = Expected(seconds=float("inf"))
    return min(clears, key=lambda path: (expected.get(path, unknown).cost_usd, expected.get(path, unknown).seconds))


def calibration_error(chances: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error over equal-width bins, 0–1 (Naeini et al., 2015)."""
    places = np.minimum((np.array(chances) * bins).astype(int), bins - 1)
    truth, said = np.array(right, dtype=float), np.array(chances)
    gaps = [abs(truth[places == at].mean() - said[places == at].mean()) * (places == at).sum() for at in set(places)]
    return cast(float, sum(gaps) / len(said))


def write_metrics(folder: Path, figures: dict[str, float], weighs: dict[str, Any], model: str) -> None:
    """`metrics.json` and a card that says them in words, beside the weights."""
    value = {"held_out": figures, "weighs_most": weighs}
    (folder / "metrics.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    told = "\n".join(f"| {name} | {figure:g} |" for name, figure in figures.items())
    (folder / "CARD.md").write_text(_CARD.format(model=model, figures=told), encoding="utf-8")


_CARD = """# Router: which path answers which request well

One logistic curve for each path over the measures of `graphs/seen.py` and a few directions of the question's
embedding, calibrated by Platt's method on rows each curve had not seen. JSON; no text of any request is kept.

- **Learned from** outcomes of every path over a mixed set (`bench/outcomes.py`; `eval/mixed` says what counts as
  right), with the chat model `{model}`. Another chat model answers differently: train again for it.
- **Recipe.** `training/recipes/router.yaml`, seconds on one core.
- **Figures** on held-out rows, by a router that had not seen them; `right` is the share the chosen path gets right,
  `right_best_single` that of the best path alone, `right_oracle` that of the best path for each row. The weights here
  learned from all rows.

| figure | value |
|---|---:|
{figures}

**Limits.** A path that was never measured gets the chance of its untuned sibling. The set is English and small.
"""
