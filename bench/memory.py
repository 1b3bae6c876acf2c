"""Is a memory that agrees with itself right? Short answers to trivia, sampled, compared, and checked.

    python bench/memory.py --questions 10     a dry run
    python bench/memory.py                    the real one

For bars on the agreement of the samples: how many questions clear it, and how many of those the greedy answer
gets right. `graphs/memory.py` takes its bar from here.
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

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from graphs.memory import agreement  # noqa: E402
from graphs.prompts import load_prompt  # noqa: E402


def main() -> int:
    from langchain_core.messages import HumanMessage, SystemMessage

    from assistant.config import load_settings
    from assistant.providers import chat_model

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--samples", type=int, default=3)
    options = parser.parse_args()
    settings = load_settings()
    model = chat_model(settings.models.chat, settings)
    system, _ = load_prompt("direct")
    found = []
    for row in _trivia(options.questions):
        question = row["context"].removeprefix("Question: ").removesuffix("\nAnswer:")
        messages = [SystemMessage(system), HumanMessage(question)]
        agree = agreement(model, messages, options.samples)
        said = str(model.invoke(messages, max_tokens=48, temperature=0).content).lower()
        found.append((agree, any(alias.lower() in said for alias in row["aliases"] if len(alias) > 1)))
        print(len(found), end="\r", file=sys.stderr, flush=True)
    print(
        json.dumps(
            {"model": settings.models.chat, "bars": [_at(found, bar) for bar in (0, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0)]}
        )
    )
    return 0


def _trivia(count: int) -> list[dict[str, Any]]:
    folder = Path(os.environ.get("CROSSROADS_DATA", ROOT.parent / "shared" / "data"))
    with gzip.open(folder / "lmeval_triviaqa_sub.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    random.Random(1).shuffle(rows)  # noqa: S311 - a sample, no secret
    return rows[:count]


def _at(found: list[tuple[float, bool]], bar: float) -> dict[str, Any]:
    over = [right for agree, right in found if agree >= bar]
    return {"bar": bar, "answered": len(over), "of": len(found), "right": sum(over)}


if __name__ == "__main__":
    raise SystemExit(main())
