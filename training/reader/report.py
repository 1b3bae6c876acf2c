"""What a run has learnt: figures on development rows with intervals, the calibration, and the files that ship.

`python -m training.reader.report RECIPE --set base=FOLDER --set out=FOLDER --ship FOLDER`
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from eval.squad import Figures, Judged, auc, best_threshold, curve, f1, figures
from training.grounding.data import rarity_of
from training.grounding.features import Rarity
from training.reader.card import card
from training.reader.data import Row, Tokens, data_folder, load_rows, multi_passage_records, read_jsonl, to_row
from training.reader.model import ReaderNetwork
from training.reader.reading import Calibration
from training.reader.reads import OVERLAP, Looker, Read, load_network, read_rows
from training.reader.recipe import ReaderRecipe, load_recipe

_SHARD_BYTES = 15 * 2**20
_DRAWS = 400
_HELD = 0.2
"""How freely weights may grow: the inverse strength of their L2 penalty, on signals of unit variance."""
_STEMS = 6000
"""Whose rarity is kept."""
_SLACK = 0.4
"""Points of overall F1 given up to answer more."""


def calibrate(reads: Sequence[Read]) -> Calibration:
    """Logistic weights of network and words; 0.5 is the threshold that answers most at nearly the best F1."""
    from sklearn.linear_model import LogisticRegression

    signals = np.array([[read.found.judged, read.found.span, *read.looks] for read in reads])
    centre, scale = signals.mean(0), np.maximum(signals.std(0), 1e-9)
    fitted = LogisticRegression(C=_HELD, max_iter=2000).fit(
        (signals - centre) / scale, [read.row.answerable for read in reads]
    )
    weights = fitted.coef_[0] / scale
    judged, span, *words = (round(float(value), 5) for value in weights)
    plain = Calibration(judged, span, float(fitted.intercept_[0] - weights @ centre), tuple(words))
    threshold = min(0.99, max(0.01, best_threshold([judge(read, plain) for read in reads], _SLACK)))
    return replace(plain, bias=round(plain.bias - float(np.log(threshold / (1 - threshold))), 5))


def judge(read: Read, calibration: Calibration) -> Judged:
    """A read row as the measures want it."""
    answers = read.row.answers if read.row.answerable else ()
    return Judged(read.text, calibration.chance(read.found, read.looks), answers, read.row.context)


def cross_judged(reads: Sequence[Read]) -> list[Judged]:
    """Every row judged with the calibration of the other half; halves are drawn by passage."""
    halves = [_half(read.row.context) for read in reads]
    fitted = [calibrate([read for read, half in zip(reads, halves, strict=True) if half == side]) for side in (0, 1)]
    return [judge(read, fitted[1 - half]) for read, half in zip(reads, halves, strict=True)]


def _half(context: str) -> int:
    return hashlib.sha256(context.encode()).digest()[0] % 2


def with_interval(rows: Sequence[Judged], measure: Callable[[Sequence[Judged]], float]) -> dict[str, float]:
    """A figure with its 95 % bootstrap interval; whole passages are drawn, for their questions are alike."""
    groups: dict[str, list[Judged]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    parts = list(groups.values())
    random = np.random.default_rng(0)
    values = [
        measure([row for index in random.integers(0, len(parts), len(parts)) for row in parts[index]])
        for _ in range(_DRAWS)
    ]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return {"value": round(measure(rows), 2), "low": round(float(low), 2), "high": round(float(high), 2)}


def squad_report(judged: Sequence[Judged]) -> dict[str, Any]:
    """F1, exact match and the two shares at the default bar, the area under the curve, and the curve."""
    names = ("f1", "exact", "answerable_f1", "kept", "refused")
    report: dict[str, Any] = {name: with_interval(judged, partial(_figure_at_bar, name=name)) for name in names}
    report["auc"] = with_interval(judged, _auc)
    report["answerable_f1_never_refusing"] = round(figures(judged, 0.0).answerable_f1, 2)
    return report | {"n": len(judged), "impossible": _at_bar(judged).impossible, "curve": curve(judged)}


def _figure_at_bar(rows: Sequence[Judged], name: str) -> float:
    return float(getattr(_at_bar(rows), name))


def _at_bar(rows: Sequence[Judged]) -> Figures:
    return figures(rows, 0.5)


def _auc(rows: Sequence[Judged]) -> float:
    yes = [row.answerable for row in rows if row.answers]
    return auc(yes, [row.answerable for row in rows if not row.answers])


def multi_passage_report(
    read: Callable[[Sequence[Row]], list[Read]], calibration: Calibration, folder: Path, questions: int
) -> dict[str, Any]:
    """Sets of about ten passages with and without the gold ones: AUC of the best passage's chance, shares refused, and
    how many answers stay right when two in five passages are noise (Chen et al. 2024, RGB)."""
    held_out = multi_passage_records(folder, held_out=True)
    records = [record for record in held_out if len(record["gold"]) < len(record["passages"])][:questions]
    sets = [_passages_read(record, read, calibration) for record in records]
    whole = [max(one.answerable for one in found) for found in sets]
    bare = [
        max(one.answerable for number, one in enumerate(found) if number not in record["gold"])
        for record, found in zip(records, sets, strict=True)
    ]
    refused = [float(np.mean(np.array(part) < 0.5) * 100) for part in (bare, whole)]
    return {
        "auc": round(auc(whole, bare), 4),
        "refused_without_gold": round(refused[0], 2),
        "refused_with_gold": round(refused[1], 2),
        "questions": len(records),
        **_noise(records, sets),
    }


def _passages_read(
    record: dict[str, Any], read: Callable[[Sequence[Row]], list[Read]], calibration: Calibration
) -> list[Judged]:
    rows = [
        Row(
            record["question"],
            f"{passage['title']}\n{passage['text']}",
            0,
            0,
            "multi",
            answers=tuple(record["answers"]),
        )
        for passage in record["passages"]
    ]
    return [Judged(one.text, calibration.chance(one.found, one.looks), one.row.answers) for one in read(rows)]


def _noise(records: Sequence[dict[str, Any]], sets: Sequence[Sequence[Judged]]) -> dict[str, float]:
    """Shares right with the gold passages alone and with 40 % others among them, and the second in parts of the first
    with its 95 % interval over questions."""
    draw = random.Random(0)  # noqa: S311 - a sample, no secret
    clean, noisy = [], []
    for record, found in zip(records, sets, strict=True):
        gold = [found[number] for number in record["gold"]]
        others = [one for number, one in enumerate(found) if number not in record["gold"]]
        clean.append(_right(gold))
        noisy.append(_right([*gold, *draw.sample(others, min(len(others), round(len(gold) * 2 / 3)))]))
    one, other = np.array(clean, float), np.array(noisy, float)
    drawn = np.random.default_rng(0).integers(0, len(one), (_DRAWS, len(one)))
    ratios = other[drawn].sum(1) / np.maximum(1, one[drawn].sum(1))
    low, high = np.percentile(ratios, [2.5, 97.5])
    kept = {"kept_at_noise": float(other.sum() / max(1, one.sum())), "low": float(low), "high": float(high)}
    shares = {"right_clean": 100 * float(one.mean()), "right_at_noise": 100 * float(other.mean())}
    return {name: round(value, 4) for name, value in {**shares, **kept}.items()}


def _right(found: Sequence[Judged]) -> bool:
    """Whether the likeliest passage's answer is given and shares at least half its words with a right one."""
    best = max(found, key=lambda one: one.answerable)
    return best.answerable >= 0.5 and f1(best.text, best.answers) >= 0.5


@dataclass(frozen=True)
class Report:
    """What a run is found to be, and what ships with its weights."""

    network: ReaderNetwork
    calibration: Calibration
    rarity: Rarity
    metrics: dict[str, Any]


def report_run(recipe: ReaderRecipe, questions: int = 150) -> Report:
    """Judge a run on `squad_dev` and on multi-passage rows; the weights are rounded to fp16 first, as they ship."""
    folder = data_folder()
    network = load_network(recipe, halved=True)
    tokens = Tokens(recipe.base)
    rows = [row for row in (to_row(r, "dev") for r in read_jsonl(folder / "squad_dev.jsonl.gz")) if row]
    contexts = sorted({row.context for kind in load_rows(folder).values() for row in kind})
    looker = Looker(recipe.base, rarity_of(contexts, _STEMS))

    def read(some: Sequence[Row]) -> list[Read]:
        return looker.look(read_rows(network, tokens, recipe, some), tokens)

    reads = read(rows)
    calibration = calibrate(reads)
    metrics: dict[str, Any] = {"squad_dev": squad_report(cross_judged(reads))}
    metrics["multi_passage"] = multi_passage_report(read, calibration, folder, questions)
    run = recipe.out / "run.json"
    metrics["run"] = json.loads(run.read_text(encoding="utf-8")) if run.is_file() else {}
    for path in ("base", "out", "start"):
        metrics["run"].get("recipe", {}).pop(path, None)
    return Report(network, calibration, looker.rarity, metrics)


def ship(report: Report, recipe: ReaderRecipe, to: Path) -> None:
    """Write `reader-N.safetensors` (fp16, each under 16 MiB), `reader.json` and, where there are metrics, the card."""
    to.mkdir(parents=True, exist_ok=True)
    save_shards(report.network, to, "reader")
    sizes = {"max_tokens": recipe.max_tokens, "overlap": OVERLAP, "max_question_tokens": recipe.max_question_tokens}
    settings = {"base": "all-minilm-l6-v2", "calibration": asdict(report.calibration), **sizes}
    settings |= {"rarity": dict(report.rarity.values), "unknown_rarity": report.rarity.unknown}
    (to / "reader.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")
    (to / "metrics.json").write_text(json.dumps(report.metrics, indent=1) + "\n", encoding="utf-8")
    if report.metrics:
        (to / "CARD.md").write_text(card(report.metrics), encoding="utf-8")


def save_shards(network: ReaderNetwork, to: Path, name: str) -> None:
    """Write what was tuned as `NAME-1.safetensors` and on, fp16, each under 16 MiB."""
    from safetensors.torch import save_file

    shards: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for key, value in network.tuned_state().items():
        half = value.to(torch.float16).contiguous()
        if size + half.numel() * 2 > _SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][key] = half
        size += half.numel() * 2
    for number, tensors in enumerate(shards, 1):
        save_file(tensors, str(to / f"{name}-{number}.safetensors"))


def main() -> int:
    """Report on the run a recipe names, and ship it where `--ship` says so."""
    parser = argparse.ArgumentParser(prog="python -m training.reader.report", description="Judge and ship a reader.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replace a key of the recipe")
    parser.add_argument("--ship", type=Path, help="folder to write the weights to")
    parser.add_argument("--questions", type=int, default=150, help="multi-passage questions to judge")
    arguments = parser.parse_args()
    overrides = {key: yaml.safe_load(value) for key, _, value in (item.partition("=") for item in arguments.set)}
    recipe = load_recipe(arguments.recipe, overrides)
    torch.set_num_threads(recipe.threads or torch.get_num_threads())
    report = report_run(recipe, arguments.questions)
    if arguments.ship:
        ship(report, recipe, arguments.ship)
    sys.stdout.write(json.dumps(report.metrics, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
