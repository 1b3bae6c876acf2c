"""Label questions nobody labelled, for the reader to learn from: `teach_reader.py --adapter FOLDER --out FILE`.

Needs CROSSROADS_DATA. The teacher is the shipped reader and the grounded adapter of the chat model together: where the
answer stands says the reader, how likely there is one the mean of both log-odds (the adapter's is that of not beginning
with its refusal). Nothing is fitted here. Rows go to FILE as gzipped JSON Lines; a quarter of an hour on one core.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from training.reader.data import data_folder, read_jsonl  # noqa: E402

BASE = "local:smollm2-135m-instruct"


def main() -> int:
    """Label the rows and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapter", type=Path, required=True, help="folder of the grounded adapter")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", default="squad_unlabelled", help="a set of CROSSROADS_DATA with question and context")
    parser.add_argument("--most", type=int, default=0, help="rows at most; 0 takes all")
    arguments = parser.parse_args()
    records = read_jsonl(data_folder() / f"{arguments.set}.jsonl.gz")[: arguments.most or None]
    pairs = [(" ".join(record["question"].split()), record["context"]) for record in records]
    rows = [
        {"question": question, "context": context, "title": record["title"], **found}
        for record, (question, context), found in zip(records, pairs, label(pairs, arguments.adapter), strict=True)
    ]
    with gzip.open(arguments.out, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    print(f"{len(rows)} rows, {sum(row['chance'] >= 0.5 for row in rows)} with an answer")
    return 0


def label(pairs: Sequence[tuple[str, str]], adapter: Path) -> list[dict[str, Any]]:
    """For each question and passage: `start`, `end`, and the `chance` that this answers."""
    from assistant.config import load_settings
    from assistant.evidence.reader import TunedReader
    from assistant.models import ensure
    from assistant.models.folders import base_folder
    from training.tuning.refusing import refusal_log_odds

    settings = load_settings({})
    reader = TunedReader(ensure("all-minilm-l6-v2", settings), settings)
    readings = [reader.read(question, [context])[0] for question, context in pairs]
    refusing = refusal_log_odds(base_folder(BASE, settings), adapter, [(asked, [text]) for asked, text in pairs])
    return [
        {"start": reading.start, "end": reading.end, "chance": _together(reading.answerable, odds)}
        for reading, odds in zip(readings, refusing, strict=True)
    ]


def _together(chance: float, refusing: float) -> float:
    """The chance of an answer by the mean of two log-odds."""
    held = min(max(chance, 1e-4), 1 - 1e-4)
    return round(1 / (1 + math.exp(-(math.log(held / (1 - held)) - refusing) / 2)), 4)


if __name__ == "__main__":
    raise SystemExit(main())
