"""How well does reading without a trained reader (`graphs/reading.py`) tell passages that answer from others?

    python bench/answerable.py --rows 30     a dry run
    python bench/answerable.py               the real one

On `squad_dev`. Three kinds of passage do not answer: `near`, another passage of the same article; `far`, of any
article; `impossible`, the passage a person wrote an impossible question on. Beside it, on the project's own
questions (`docs/questions.jsonl`), the answerable and the unanswerable ones; the weights were set looking at these.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from graphs.answer import Passage  # noqa: E402
from graphs.reading import read_by_meaning  # noqa: E402
from graphs.words import coverage  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300)
    options = parser.parse_args()
    from assistant.config import load_settings
    from assistant.providers import embeddings

    settings = load_settings()
    encoder = embeddings(settings.models.embedding, settings)
    found = [(kind, _chance(question, text, encoder)) for kind, question, text in _pairs(options.rows)]
    kinds, chances = np.array([kind for kind, _ in found]), np.array([chance for _, chance in found])
    print(json.dumps({"squad_dev": _judge(kinds, chances), "own_questions": _own()}))
    return 0


def _chance(question: str, text: str, encoder: Any) -> float:
    passage = Passage(chunk_id="", document_id="", source="", title="", text=text, start=0, end=len(text))
    return read_by_meaning(question, [passage], encoder)[0].answerable


def _pairs(count: int) -> list[tuple[str, str, str]]:
    """Kind, question and passage."""
    folder = Path(os.environ.get("CROSSROADS_DATA", ROOT.parent / "shared" / "data"))
    with gzip.open(folder / "squad_dev.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    draw = random.Random(0)  # noqa: S311 - a sample, no secret
    draw.shuffle(rows)
    contexts = sorted({(row["title"], row["context"]) for row in rows})
    pairs = []
    for row in rows[:count]:
        question = row["question"]
        pairs.append(("impossible" if row["is_impossible"] else "answers", question, row["context"]))
        if not row["is_impossible"]:
            others = [item for item in contexts if row["answers"][0].lower() not in item[1].lower()]
            same = [text for title, text in others if title == row["title"]]
            if same:
                handful = draw.sample(same, min(8, len(same)))
                pairs.append(("near", question, max(handful, key=lambda text: coverage(question, [text]))))
            pairs.append(("far", question, draw.choice(others)[1]))
    return pairs


def _own() -> dict[str, float]:
    """On the documentation: how many answerable questions keep a passage, how many others keep none."""
    from assistant.app import open_assistant
    from assistant.config import load_settings

    with (ROOT / "docs" / "questions.jsonl").open() as lines:
        rows = [json.loads(line) for line in lines]
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings({"home": home, "store.linger": 1.0})
        with open_assistant(settings) as assistant:
            assistant.documentation.get()
            encoder, retriever = assistant.resources.embeddings.get(), assistant.knowledge.retriever()
            kept = []
            for row in rows:
                found = [Passage(text=d.page_content, **d.metadata) for d in retriever.invoke(row["input"])]
                best = max(reading.answerable for reading in read_by_meaning(row["input"], found, encoder))
                kept.append((row["metadata"]["answerable"], best >= 0.5))
    answerable, other = [k for a, k in kept if a], [k for a, k in kept if not a]
    return {
        "answerable": len(answerable), "kept": round(sum(answerable) / len(answerable), 3),
        "unanswerable": len(other), "refused": round(1 - sum(other) / len(other), 3),
    }  # fmt: skip


def _judge(kinds: Any, chances: Any) -> dict[str, Any]:
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
