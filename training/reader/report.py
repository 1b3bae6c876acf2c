"""What a run has learnt: figures on development rows with intervals, the calibration, and the files that ship.

`python -m training.reader.report RECIPE --set base=FOLDER --set out=FOLDER --ship FOLDER`
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from eval.squad import Figures, Judged, auc, best_threshold, curve, figures
from training.reader.card import card
from training.reader.data import Row, Tokens, data_folder, multi_passage_records, read_jsonl, to_row
from training.reader.looks import looks
from training.reader.model import ReaderNetwork
from training.reader.reading import Calibration, Found, best_span, cut, pad
from training.reader.recipe import ReaderRecipe, load_recipe

OVERLAP = 96
"""Tokens two neighbouring pieces of a long passage share."""
_SHARD_BYTES = 15 * 2**20
_DRAWS = 400
_SLACK = 0.7
"""Points of overall F1 given up to answer more."""


@dataclass(frozen=True)
class Read:
    """A row and what the network found in its passage."""

    row: Row
    found: Found
    text: str
    looks: tuple[float, ...] = ()
    """What the words say, as `training.reader.looks` orders it."""


def load_network(recipe: ReaderRecipe) -> ReaderNetwork:
    """The network with the run's last checkpoint."""
    from safetensors import safe_open

    network = ReaderNetwork(recipe.base, 0.0)
    with safe_open(str(recipe.out / "checkpoint.safetensors"), "pt") as found:
        names = [name for name in found.keys() if name.startswith("weight/")]  # noqa: SIM118 - no mapping
        network.load_state_dict({name[7:]: found.get_tensor(name) for name in names}, strict=False)
    return network.eval()


@torch.inference_mode()
def read_rows(network: ReaderNetwork, tokens: Tokens, recipe: ReaderRecipe, rows: Sequence[Row]) -> list[Read]:
    """Read every row as the application does: pieces of long passages, the piece most likely to answer."""
    pieces = [
        (number, piece)
        for number, row in enumerate(rows)
        for piece in cut(
            tokens.encode(row.question)[0],
            tokens.encode(row.context)[0],
            recipe.max_tokens,
            OVERLAP,
            recipe.max_question_tokens,
        )
    ]
    pieces.sort(key=lambda pair: len(pair[1].ids))
    best: dict[int, Found] = {}
    for first in range(0, len(pieces), 16):
        part = pieces[first : first + 16]
        start, end, judged = (
            value.numpy() for value in network(*map(torch.from_numpy, pad([piece for _, piece in part])))
        )
        for line, (number, piece) in enumerate(part):
            found = best_span(piece, start[line], end[line], float(judged[line]))
            if number not in best or found.judged > best[number].judged:
                best[number] = found
    return [_read(row, best[number], tokens) for number, row in enumerate(rows)]


def _read(row: Row, found: Found, tokens: Tokens) -> Read:
    offsets = tokens.encode(row.context)[1]
    start, end = offsets[found.start][0], offsets[found.end][1]
    return Read(row, found, row.context[start:end], looks(row.question, row.context, start, end))


def calibrate(reads: Sequence[Read]) -> Calibration:
    """Logistic weights of network and words; 0.5 is the threshold that answers most at nearly the best F1."""
    from sklearn.linear_model import LogisticRegression

    signals = np.array([[read.found.judged, read.found.span, *read.looks] for read in reads])
    fitted = LogisticRegression(C=10.0).fit(signals, [read.row.answerable for read in reads])
    judged, span, *words = (round(float(value), 5) for value in fitted.coef_[0])
    plain = Calibration(judged, span, float(fitted.intercept_[0]), tuple(words))
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
) -> dict[str, float]:
    """AUC of the best passage's chance: sets that hold the gold passages against the same sets without them."""
    held_out = multi_passage_records(folder, held_out=True)
    records = [record for record in held_out if len(record["gold"]) < len(record["passages"])][:questions]
    whole, bare = [], []
    for record in records:
        rows = [
            Row(record["question"], f"{passage['title']}\n{passage['text']}", 0, 0, "multi")
            for passage in record["passages"]
        ]
        chances = [calibration.chance(found.found, found.looks) for found in read(rows)]
        whole.append(max(chances))
        bare.append(max(chance for number, chance in enumerate(chances) if number not in record["gold"]))
    refused = [float(np.mean(np.array(part) < 0.5) * 100) for part in (bare, whole)]
    return {
        "auc": round(auc(whole, bare), 4),
        "refused_without_gold": round(refused[0], 2),
        "refused_with_gold": round(refused[1], 2),
        "questions": len(records),
    }


def ship(
    network: ReaderNetwork, calibration: Calibration, metrics: dict[str, Any], recipe: ReaderRecipe, to: Path
) -> None:
    """Write `reader-N.safetensors` (fp16, each under 16 MiB), `reader.json` and, where there are metrics, the card."""
    from safetensors.torch import save_file

    to.mkdir(parents=True, exist_ok=True)
    shards: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for name, value in network.tuned_state().items():
        half = value.to(torch.float16).contiguous()
        if size + half.numel() * 2 > _SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = half
        size += half.numel() * 2
    for number, tensors in enumerate(shards, 1):
        save_file(tensors, str(to / f"reader-{number}.safetensors"))
    sizes = {"max_tokens": recipe.max_tokens, "overlap": OVERLAP, "max_question_tokens": recipe.max_question_tokens}
    settings = {"base": "all-minilm-l6-v2", "calibration": asdict(calibration), **sizes}
    (to / "reader.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    (to / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    if metrics:
        (to / "CARD.md").write_text(card(metrics), encoding="utf-8")


def report_run(recipe: ReaderRecipe, questions: int = 150) -> tuple[ReaderNetwork, Calibration, dict[str, Any]]:
    """Judge a run on `squad_dev` and on multi-passage rows; the weights are rounded to fp16 first, as they ship."""
    folder = data_folder()
    network = load_network(recipe)
    for parameter in network.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.half().float()
    tokens = Tokens(recipe.base)
    rows = [row for row in (to_row(r, "dev") for r in read_jsonl(folder / "squad_dev.jsonl.gz")) if row]
    reads = read_rows(network, tokens, recipe, rows)
    calibration = calibrate(reads)
    metrics: dict[str, Any] = {"squad_dev": squad_report(cross_judged(reads))}
    metrics["multi_passage"] = multi_passage_report(
        lambda some: read_rows(network, tokens, recipe, some), calibration, folder, questions
    )
    run = recipe.out / "run.json"
    metrics["run"] = json.loads(run.read_text(encoding="utf-8")) if run.is_file() else {}
    for path in ("base", "out", "start"):
        metrics["run"].get("recipe", {}).pop(path, None)
    return network, calibration, metrics


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
    network, calibration, metrics = report_run(recipe, arguments.questions)
    if arguments.ship:
        ship(network, calibration, metrics, recipe, arguments.ship)
    sys.stdout.write(json.dumps(metrics, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
