"""Do worked examples help where they are chosen? The same rows zero-shot and few-shot, paired, with intervals.

    python bench/few_shot.py --rows 6      a dry run
    python bench/few_shot.py               150 rows of each set

Sets: CLINC150 and BANKING77 intents among twelve labels, SST-2 sentiment, and extraction to JSON. The examples are of
the training parts of these sets and share no row with what is asked. Prints one JSON object.
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
from bench.outcomes import asker  # noqa: E402
from eval.mixed.outcomes import collect, read_outcomes  # noqa: E402
from eval.mixed.rows import SIZES, mixed  # noqa: E402
from eval.mixed.table import Table, difference, share  # noqa: E402

PATHS = ("zero_shot", "few_shot")
KINDS = ("intent", "sentiment", "extraction")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=150, help="of each set")
    parser.add_argument("--home", type=Path, default=Path("runs/mixed-home"))
    parser.add_argument("--out", type=Path, default=Path("runs/few-shot.jsonl"))
    options = parser.parse_args()
    sizes: Any = dict.fromkeys(SIZES, 0) | dict.fromkeys(KINDS, options.rows)
    samples = mixed("dev", sizes | {"intent": 2 * options.rows})
    with mixed_home(options.home.absolute()) as assistant:
        collect(samples, PATHS, asker(assistant), options.out, lambda text: print(text, file=sys.stderr, flush=True))
    outcomes = [outcome for outcome in read_outcomes(options.out) if outcome.id in {sample.id for sample in samples}]
    sets = {
        "clinc150": lambda outcome: outcome.id.startswith("intent-clinc150"),
        "banking77": lambda outcome: outcome.id.startswith("intent-banking77"),
        "sst2": lambda outcome: outcome.kind == "sentiment",
        "extraction": lambda outcome: outcome.kind == "extraction",
    }
    print(json.dumps({name: _row([one for one in outcomes if belongs(one)]) for name, belongs in sets.items()}))
    return 0


def _row(outcomes: list[Any]) -> dict[str, Any]:
    table = Table(outcomes, PATHS)
    if not table.rows:
        return {}
    gain, low, high = difference(table.right("few_shot"), table.right("zero_shot"))
    found: dict[str, Any] = {path: str(share(table.right(path))) for path in PATHS}
    return found | {"n": len(table.rows), "gain": round(gain, 1), "low": round(low, 1), "high": round(high, 1)}


if __name__ == "__main__":
    raise SystemExit(main())
