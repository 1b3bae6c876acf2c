"""Learn the grounding weights: a logistic model where only whole responses have labels.

A supported response has only supported sentences; an unsupported one has at least one that is not, taken to be the
one the model of the round before scores lowest (multiple-instance learning, Andrews et al. 2002, three rounds).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.squad import auc
from graphs.words import sentence_spans
from training.grounding.data import Claim, load_claims, make_swaps, rarity_of
from training.grounding.features import NAMES, Features, Places, Rarity, Sentence, measure
from training.grounding.model import GroundingModel
from training.grounding.recipe import GroundingRecipe
from training.reader.data import data_folder, read_jsonl

_ROUNDS = 3


def train_grounding(recipe: GroundingRecipe, report: Callable[[str], None] = print) -> dict[str, Any]:
    """Learn, judge on held-out sources, write `model.json` and `metrics.json` to `recipe.out`; returns the metrics."""
    folder = data_folder()
    claims = load_claims(folder, recipe.rows, recipe.seed)
    squad = sorted({row["context"] for row in read_jsonl(folder / "squad_train.jsonl.gz")})
    rarity = rarity_of(
        [claim.evidence for claim in claims if not claim.held_out(recipe.held_out)] + squad, recipe.vocabulary
    )
    claims += make_swaps(squad, recipe.swaps, recipe.seed)
    measured = measure_claims(claims, rarity, report)
    learn = [n for n, claim in enumerate(claims) if not claim.held_out(recipe.held_out)]
    model = fit([claims[n] for n in learn], [measured[n] for n in learn], rarity, recipe)
    held = [n for n, claim in enumerate(claims) if claim.held_out(recipe.held_out)]
    metrics = {
        "held_out": judge(model, [claims[n] for n in held], [measured[n] for n in held]),
        "trained_on": dict(Counter(claims[n].group for n in learn)),
        "weights": dict(zip(NAMES, model.weights, strict=True)),
        "recipe": recipe.model_dump(mode="json", exclude={"out"}),
    }
    recipe.out.mkdir(parents=True, exist_ok=True)
    model.save(recipe.out / "model.json")
    (recipe.out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    return metrics


def measure_claims(
    claims: Sequence[Claim], rarity: Rarity, report: Callable[[str], None]
) -> list[list[Features | None]]:
    """The features of every sentence of every claim; None for a sentence copied from the evidence."""
    measured: list[list[Features | None]] = []
    for number, claim in enumerate(claims):
        if number % 500 == 0:
            report(f"{number} of {len(claims)} measured")
        places = Places([claim.evidence])
        texts = [claim.text[start:end] for start, end in sentence_spans(claim.text)]
        sentences = [sentence for sentence in map(Sentence, texts) if sentence.tokens]
        rest = [sentence for sentence in sentences if not places.verbatim(sentence)]
        features = [measure(sentence, places, rarity) for sentence in rest] if places.windows else []
        measured.append([*features, *[None] * (len(sentences) - len(rest))])
    return measured


def fit(
    claims: Sequence[Claim], measured: Sequence[Sequence[Features | None]], rarity: Rarity, recipe: GroundingRecipe
) -> GroundingModel:
    """The weights after a few rounds of choosing the weakest sentence of each unsupported response."""

    def made(weights: tuple[float, ...], bias: float) -> GroundingModel:
        return GroundingModel(weights, bias, rarity)

    rows = [[Row(each.values(), each, None) for each in found if each] for found in measured]
    return fit_rounds(claims, rows, made, lambda row: row.features.local, recipe.regularisation)


@dataclass(frozen=True)
class Row:
    """One sentence: what weights are fitted to, and what a model scores it by."""

    vector: tuple[float, ...]
    features: Features
    logit: float | None


def fit_rounds(
    claims: Sequence[Claim],
    rows: Sequence[Sequence[Row]],
    made: Callable[[tuple[float, ...], float], GroundingModel],
    first: Callable[[Row], float],
    regularisation: float,
) -> GroundingModel:
    """Fit, choose the weakest sentence of each unsupported response by the fit, and so on; `first` chooses at first.

    Every set weighs as much as another, and in each both labels.
    """
    from sklearn.linear_model import LogisticRegression

    model: GroundingModel | None = None
    for _ in range(_ROUNDS):
        chosen = _instances(claims, rows, first if model is None else _score_by(model))
        sizes = Counter((claim.group, claim.supported) for claim, _ in chosen)
        weights = [len(chosen) / sizes[claim.group, claim.supported] / len(sizes) for claim, _ in chosen]
        vectors, labels = np.array([row.vector for _, row in chosen]), [claim.supported for claim, _ in chosen]
        found = LogisticRegression(C=regularisation, max_iter=2000).fit(vectors, labels, weights)
        values = tuple(round(float(value), 5) for value in found.coef_[0])
        model = made(values, round(float(found.intercept_[0]), 5))
    assert model is not None  # noqa: S101 - for the type checker: there is always a round
    return model


def _score_by(model: GroundingModel) -> Callable[[Row], float]:
    return lambda row: model.score(row.features, row.logit)


def _instances(
    claims: Sequence[Claim], rows: Sequence[Sequence[Row]], score: Callable[[Row], float]
) -> list[tuple[Claim, Row]]:
    chosen: list[tuple[Claim, Row]] = []
    for claim, usable in zip(claims, rows, strict=True):
        if usable and not claim.supported:
            chosen.append((claim, min(usable, key=score)))
        else:
            chosen += [(claim, row) for row in usable]
    return chosen


def judge(
    model: GroundingModel, claims: Sequence[Claim], measured: Sequence[Sequence[Features | None]]
) -> dict[str, dict[str, float | None]]:
    """`figures_by_set` of the model's scores of whole responses, each its weakest sentence's."""
    return figures_by_set(
        claims, [min((model.score(f) if f else 1.0 for f in found), default=0.0) for found in measured]
    )


def figures_by_set(claims: Sequence[Claim], chances: Sequence[float]) -> dict[str, dict[str, float | None]]:
    """Balanced accuracy at 0.5, AUC and calibration error of all and by set."""
    scores = np.array(chances)
    labels = np.array([claim.supported for claim in claims])
    groups = np.array([claim.group for claim in claims])
    found = {"all": _figures(scores, labels)}
    for group in sorted(set(groups)):
        found[group] = _figures(scores[groups == group], labels[groups == group])
    return found


def _figures(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> dict[str, float | None]:
    kept, low, high = scores[labels] >= 0.5, *_interval(scores, labels)
    refused = scores[~labels] < 0.5
    parts = [float(part.mean()) for part in (kept, refused) if len(part)]
    return {
        "balanced_accuracy": round(100 * sum(parts) / len(parts), 2),
        "low": round(100 * low, 2),
        "high": round(100 * high, 2),
        "supported_kept": round(100 * float(kept.mean()), 2) if len(kept) else None,
        "unsupported_found": round(100 * float(refused.mean()), 2) if len(refused) else None,
        "auc": round(auc(scores[labels].tolist(), scores[~labels].tolist()), 4) if len(parts) == 2 else None,
        "ece": round(calibration_error(scores, labels), 4),
        "n": len(labels),
        "supported": int(labels.sum()),
    }


def _interval(scores: NDArray[np.float64], labels: NDArray[np.bool_], draws: int = 400) -> tuple[float, float]:
    """95 % bootstrap interval of balanced accuracy, classes drawn apart."""
    random = np.random.default_rng(0)
    parts = [part for part in (scores[labels] >= 0.5, scores[~labels] < 0.5) if len(part)]
    means = [np.mean([random.choice(part, len(part)).mean() for part in parts]) for _ in range(draws)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def calibration_error(scores: NDArray[np.float64], labels: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error over even bins: mean distance of stated chance and true share."""
    places = np.minimum((scores * bins).astype(int), bins - 1)
    error = 0.0
    for place in range(bins):
        inside = places == place
        if inside.any():
            error += inside.mean() * abs(scores[inside].mean() - labels[inside].mean())
    return float(error)
