"""The weights that join encoder and features, the figures on held-out sources, and the files that ship."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from training.grounding.data import Claim
from training.grounding.encoder_data import PAIRS, Claims
from training.grounding.encoder_train import claim_logits
from training.grounding.features import NAMES, measure_all
from training.grounding.model import GroundingModel, Joined
from training.grounding.recipe import EncoderRecipe
from training.grounding.train import Row, figures_by_set, fit_rounds
from training.reader.model import ReaderNetwork
from training.reader.report import save_shards

_MOST_PAIRS = 1500
"""Held-out pairs that are judged: they are short and alike."""


def measured_rows(network: ReaderNetwork, claims: Claims, among: Sequence[Claim]) -> list[list[Row]]:
    """Features and logit of every sentence that is no copy, claim by claim."""
    logits = claim_logits(network, [claims.pieces(claim) for claim in among])
    return [
        [
            Row((*features.values(), logit), features, logit)
            for features, logit in zip(
                measure_all(claim.text, claims.places(claim.evidence)[0], claims.rarity), own, strict=True
            )
        ]
        for claim, own in zip(among, logits, strict=True)
    ]


def join(
    model: GroundingModel, claims: Sequence[Claim], rows: Sequence[Sequence[Row]], regularisation: float
) -> GroundingModel:
    """The model with weights for features and logit, fitted on claims the encoder never saw."""

    def made(weights: tuple[float, ...], bias: float) -> GroundingModel:
        return replace(model, joined=Joined(weights[: len(NAMES)], weights[len(NAMES)], bias))

    return fit_rounds(claims, rows, made, lambda row: row.logit or 0.0, regularisation)


def alone(rows: Sequence[Sequence[Row]], claims: Sequence[Claim]) -> tuple[float, float]:
    """Slope and intercept that turn the weakest sentence's logit into a chance (Platt 1999), sets weighed alike."""
    from collections import Counter

    from sklearn.linear_model import LogisticRegression

    pairs = [(claim, min(row.logit or 0.0 for row in own)) for claim, own in zip(claims, rows, strict=True) if own]
    sizes = Counter((claim.group, claim.supported) for claim, _ in pairs)
    weights = [1 / sizes[claim.group, claim.supported] for claim, _ in pairs]
    logits, labels = np.array([[logit] for _, logit in pairs]), [claim.supported for claim, _ in pairs]
    found = LogisticRegression(C=100.0).fit(logits, labels, np.array(weights) * len(pairs) / sum(weights))
    return float(found.coef_[0, 0]), float(found.intercept_[0])


def judge_all(
    model: GroundingModel, platt: tuple[float, float], claims: Sequence[Claim], rows: Sequence[Sequence[Row]]
) -> dict[str, Any]:
    """Figures by set of features and encoder together, of each alone, and of them without the bounds."""

    def encoder(row: Row) -> float:
        return float(1 / (1 + np.exp(-(platt[0] * (row.logit or 0.0) + platt[1]))))

    ways: dict[str, Callable[[Row], float]] = {
        "held_out": lambda row: model.score(row.features, row.logit),
        "features_alone": lambda row: model.score(row.features),
        "encoder_alone": encoder,
        "without_bounds": lambda row: model.score(row.features, row.logit, bounded=False),
    }
    return {
        name: figures_by_set(claims, [min(map(score, own), default=1.0) for own in rows])
        for name, score in ways.items()
    }


def report_encoder(
    recipe: EncoderRecipe, claims: Claims, network: ReaderNetwork, model: GroundingModel, say: Callable[[str], None]
) -> tuple[GroundingModel, dict[str, Any]]:
    """Fit the joining weights on the sources kept for it, and judge on those kept from everything."""
    people = {part: [c for c in claims.of(part) if c.group not in PAIRS] for part in ("fit", "judge")}
    say(f"fitting on {len(people['fit'])} claims")
    fitted_on = measured_rows(network, claims, people["fit"])
    model = join(model, people["fit"], fitted_on, recipe.features.regularisation)
    platt = alone(fitted_on, people["fit"])
    say(f"judging {len(people['judge'])} claims")
    metrics = judge_all(model, platt, people["judge"], measured_rows(network, claims, people["judge"]))
    pairs = [claim for claim in claims.of("judge") if claim.group in PAIRS][:_MOST_PAIRS]
    if pairs:
        metrics["pairs"] = judge_all(model, platt, pairs, measured_rows(network, claims, pairs))
    return model, metrics


def ship_encoder(
    network: ReaderNetwork, model: GroundingModel, metrics: dict[str, Any], recipe: EncoderRecipe, to: Path
) -> None:
    """Write `encoder-N.safetensors`, `encoder.json`, `model.json` with both kinds of weights, and `metrics.json`."""
    to.mkdir(parents=True, exist_ok=True)
    save_shards(network, to, "encoder")
    settings = {
        "base": "all-minilm-l6-v2",
        "max_tokens": recipe.max_tokens,
        "max_claim_tokens": recipe.max_claim_tokens,
    }
    (to / "encoder.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    model.save(to / "model.json")
    (to / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
