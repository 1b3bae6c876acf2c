"""Fit and judge the reader without weights (`graphs/reading.py`): can meaning and shared words tell an answer?

    python bench/answerable.py --rows 30     a dry run
    python bench/answerable.py               the real one

Fitted on `squad_train`, judged on `squad_dev` (other articles). Three kinds of passage do not answer: `near`, another
passage of the same article; `far`, of any article; `impossible`, the passage a person wrote an impossible question on.
The last cannot be told by these measures (their AUC says so) and are left out of the fit.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from graphs.reading import windows  # noqa: E402
from graphs.words import coverage  # noqa: E402

Row = tuple[str, list[float]]
"""The kind of passage, and its measures: meaning and coverage."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300)
    options = parser.parse_args()
    encoder = _encoder()
    train, dev = _measured("squad_train", options.rows, encoder), _measured("squad_dev", options.rows, encoder)
    fit = [row for row in train if row[0] != "impossible"]
    model = LogisticRegression(C=10).fit([row[1] for row in fit], [row[0] == "answers" for row in fit])
    chances = model.predict_proba([row[1] for row in dev])[:, 1]
    kinds = np.array([row[0] for row in dev])
    print(
        json.dumps({"weights": model.coef_[0].tolist(), "bias": float(model.intercept_[0]), **_judge(kinds, chances)})
    )
    return 0


def _encoder() -> Any:
    from assistant.config import load_settings
    from assistant.providers import embeddings

    settings = load_settings()
    return embeddings(settings.models.embedding, settings)


def _measured(name: str, count: int, encoder: Any) -> list[Row]:
    folder = Path(os.environ.get("CROSSROADS_DATA", ROOT.parent / "shared" / "data"))
    with gzip.open(folder / f"{name}.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    draw = random.Random(0)  # noqa: S311 - a sample, no secret
    draw.shuffle(rows)
    contexts = sorted({(row["title"], row["context"]) for row in rows})
    found: list[Row] = []
    for row in rows[:count]:
        kind = "impossible" if row["is_impossible"] else "answers"
        pairs = [(kind, row["context"])]
        if kind == "answers":
            others = [item for item in contexts if row["answers"][0].lower() not in item[1].lower()]
            same = [text for title, text in others if title == row["title"]]
            handful = draw.sample(same, min(8, len(same)))
            pairs += [("near", max(handful, key=lambda text: coverage(row["question"], [text])))] if handful else []
            pairs.append(("far", draw.choice(others)[1]))
        found += [(kind, _measures(row["question"], text, encoder)) for kind, text in pairs]
    return found


def _measures(question: str, passage: str, encoder: Any) -> list[float]:
    texts = [passage[start:end] for start, end in windows(passage)]
    vectors = np.asarray(encoder.embed_documents([question, *texts]))
    return [float((vectors[1:] @ vectors[0]).max()), coverage(question, [passage])]


def _judge(kinds: np.ndarray, chances: np.ndarray) -> dict[str, Any]:
    answers = chances[kinds == "answers"]
    others = {kind: chances[kinds == kind] for kind in ("near", "far", "impossible")}
    auc = {
        kind: round(float(roc_auc_score([1] * len(answers) + [0] * len(values), [*answers, *values])), 3)
        for kind, values in others.items()
    }
    curve = [
        {"bar": bar, "kept": round(float((answers >= bar).mean()), 3)}
        | {f"{kind}_refused": round(float((values < bar).mean()), 3) for kind, values in others.items()}
        for bar in (0.3, 0.4, 0.5, 0.6, 0.7)
    ]
    return {"n": {"answers": len(answers)} | {kind: len(v) for kind, v in others.items()}, "auc": auc, "curve": curve}


if __name__ == "__main__":
    raise SystemExit(main())
