"""Does choosing a path pay? A mixed development set on every path alone and on `auto`; writes docs/routing.md.

    python bench/routing.py --share 0.05 --page /tmp/routing.md      a dry run, 30 rows
    python bench/routing.py                                          all 617 rows

Interrupted, the same command continues: what was answered stands in --out. Needs the public sets (CROSSROADS_DATA).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.mixed_home import mixed_home  # noqa: E402
from bench.outcomes import PATHS, asker  # noqa: E402
from eval.mixed.outcomes import collect, read_outcomes  # noqa: E402
from eval.mixed.rows import SIZES, mixed  # noqa: E402
from eval.mixed.table import Table, markdown  # noqa: E402

WORDS = {
    "zero_shot": "the model alone", "few_shot": "with worked examples", "rag": "from documents",
    "tools": "with tools", "auto": "**auto**",
}  # fmt: skip
ASKED = (*PATHS, "auto")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the rows, the same share of every kind")
    parser.add_argument("--home", type=Path, default=Path("runs/mixed-home"))
    parser.add_argument("--out", type=Path, default=Path("runs/routing.jsonl"))
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "routing.md")
    parser.add_argument("--effort", choices=["quick", "balanced", "thorough"], default="balanced")
    options = parser.parse_args()
    samples = mixed("dev", {kind: max(1, round(options.share * size)) for kind, size in SIZES.items()})
    with mixed_home(options.home.absolute(), {"answering.effort": options.effort}) as assistant:
        ask = asker(assistant)
        ask(samples[0], "auto")  # loads what is missing
        collect(samples, ASKED, ask, options.out, lambda text: print(text, file=sys.stderr, flush=True))
        router = _router_times(assistant)
        model = assistant.settings.models.chat
    known = {sample.id for sample in samples}
    table = Table([outcome for outcome in read_outcomes(options.out) if outcome.id in known], ASKED)
    found = {**table.summary(), "router_ms": router, "model": model, "effort": options.effort}
    options.page.write_text(_page(table, found), encoding="utf-8")
    print(json.dumps(found))
    return 0


def _router_times(assistant: Any, runs: int = 500) -> dict[str, float]:
    """Milliseconds the router takes beyond the embedding: its measures and its curves."""
    from graphs.seen import Found, see
    from graphs.tasks import find_task

    router = assistant.resources.router.get()
    if router is None:
        return {}
    vector = assistant.resources.embeddings.get().embed_query("a question")
    message, taken = "Classify as spam or ham: see you at eight", []
    for _ in range(runs):
        began = time.perf_counter()
        router.chances(see(message, "task", find_task(message), Found([0.5] * 8, 0.4, 1000, 0.6)), vector)
        taken.append(1000 * (time.perf_counter() - began))
    taken.sort()
    return {"median": round(taken[runs // 2], 3), "p95": round(taken[int(0.95 * runs)], 3)}


def _page(table: Table, found: dict[str, Any]) -> str:
    best, dear = WORDS[found["best_single"]], WORDS[found["costliest"]]
    kept, low, high = found["right_against_best_single"]
    kept_dear, low_dear, high_dear = found["right_against_costliest"]
    time_share, low_time, high_time = found["time_against_costliest"]
    router = found["router_ms"]
    speed = f" The router itself takes {router['p95']} ms (95th percentile) beyond the embedding." if router else ""
    return f"""# What choosing a path gives

Made by `python bench/routing.py` on {found["n"]} requests of a mixed development set: questions that three Wikipedia
articles answer and questions they do not (SQuAD 2.0, written by people), questions about pages of software
documentation, trivia, arithmetic, intents (CLINC150, BANKING77) among twelve labels, sentiment, extraction to JSON, and
talk. Each was asked on every path alone and with the path left to Crossroads, effort `{found["effort"]}`, chat model
`{found["model"]}`. `eval/mixed/judge.py` says what counts as right; a refusal is right only where the documents do not
say it. Shares are in per cent with 95 % intervals (Wilson; differences and ratios by paired bootstrap).

{markdown(table, WORDS)}
Against the best single path ({best}), auto gets {100 * kept:.0f} % as many right ({100 * low:.0f}–{100 * high:.0f});
against the costliest ({dear}), {100 * kept_dear:.0f} % ({100 * low_dear:.0f}–{100 * high_dear:.0f}), in
{100 * time_share:.0f} % of its time ({100 * low_time:.0f}–{100 * high_time:.0f}).{speed}
"""


if __name__ == "__main__":
    raise SystemExit(main())
