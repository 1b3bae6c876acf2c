"""What every path makes of a mixed set: the outcomes the router is trained on.

    python bench/outcomes.py --out outcomes.jsonl --share 0.03     a dry run
    python bench/outcomes.py --out outcomes.jsonl                  the training part, about 600 rows on four paths

Interrupted, the same command continues. Needs the public data sets (CROSSROADS_DATA).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.mixed_home import mixed_home  # noqa: E402
from eval.mixed.outcomes import Outcome, collect, read_outcomes  # noqa: E402
from eval.mixed.rows import SIZES, mixed  # noqa: E402

PATHS = ("zero_shot", "few_shot", "rag", "tools")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", choices=["train", "dev"], default="train")
    parser.add_argument("--share", type=float, default=1.0, help="of the rows, the same share of every kind")
    parser.add_argument("--home", type=Path, default=Path("runs/mixed-home"))
    parser.add_argument("--paths", nargs="*", default=list(PATHS))
    options = parser.parse_args()
    share = options.share
    samples = mixed(options.part, {kind: round(share * size) for kind, size in SIZES.items()})
    with mixed_home(options.home.absolute()) as assistant:
        ask = asker(assistant)
        ask(samples[0], "auto")  # loads what is missing
        answers = options.out.with_suffix(".answers.jsonl")
        collect(samples, options.paths, ask, answers, _say)
        write_rows(assistant, read_outcomes(answers), options.out)
    return 0


def write_rows(assistant: Any, outcomes: list[Outcome], out: Path) -> None:
    """What the router learns from: beside the outcomes of each request, what is seen of it."""
    from assistant.outcomes import rows_of

    with out.open("w", encoding="utf-8") as file:
        for row in rows_of(assistant, outcomes):
            file.write(json.dumps(row) + "\n")


def asker(assistant: Any, **request: Any) -> Any:
    """A function of sample and path that gives the answer of an assistant; nothing is stored as a conversation."""
    from assistant.records import Request

    return lambda sample, path: assistant.ask(
        Request(question=sample.input, path=path, history=[], fresh=True, **request)
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
