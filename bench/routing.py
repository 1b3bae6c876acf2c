"""Does choosing a path pay? A mixed development set on every path alone and on `auto`; writes docs/routing.md.

    python bench/routing.py --share 0.05 --page /tmp/routing.md      a dry run, 30 rows
    python bench/routing.py                                          all 617 rows
    python bench/routing.py --minutes 30 --auto-minutes 15      as many rows as that gives

No row is answered by a router that has seen it: the rows fall into two halves, and each half is asked on `auto` with a
router learned from the other half's outcomes. --rows holds all outcomes for `crossroads train router`, which makes the
router that ships. Interrupted, the same command continues: what was answered stands in --out. Needs the public sets
(CROSSROADS_DATA).

What a path takes is told by --timed rows that are asked on the costliest path and on `auto` in turn, in processor
seconds of this process, models included: these hold also where other work makes every answer wait.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.mixed_home import mixed_home  # noqa: E402
from bench.outcomes import PATHS, asker, write_rows  # noqa: E402
from eval.mixed.outcomes import Outcome, collect, read_outcomes  # noqa: E402
from eval.mixed.rows import SIZES, mixed  # noqa: E402
from eval.mixed.table import Table, markdown, ratio, share  # noqa: E402

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
    parser.add_argument("--rows", type=Path, default=Path("runs/outcomes.jsonl"), help="what a router learns from")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "routing.md")
    parser.add_argument("--effort", choices=["quick", "balanced", "thorough"], default="balanced")
    parser.add_argument("--minutes", type=float, default=1e9, help="for the paths alone; auto is asked on every row")
    parser.add_argument("--auto-minutes", type=float, default=1e9, help="for auto")
    parser.add_argument("--timed", type=int, default=40, help="rows whose processor time is measured")
    options = parser.parse_args()
    samples = mixed("dev", {kind: max(1, round(options.share * size)) for kind, size in SIZES.items()})
    known = {sample.id for sample in samples}
    with mixed_home(options.home.absolute(), {"answering.effort": options.effort}) as assistant:
        ask = asker(assistant)
        ask(samples[0], "auto")  # loads what is missing
        ends = time.monotonic() + 60 * options.minutes
        for sample in samples:
            if time.monotonic() < ends:
                collect([sample], PATHS, ask, options.out, _say)
        write_rows(assistant, [one for one in read_outcomes(options.out) if one.id in known], options.rows)
        routers = _routers(options.rows)
        ends = time.monotonic() + 60 * options.auto_minutes
        for sample in samples:
            if time.monotonic() < ends:
                _take(assistant, routers[_half(sample.id)])
                collect([sample], ("auto",), ask, options.out, _say)
        outcomes = [outcome for outcome in read_outcomes(options.out) if outcome.id in known]
        table = Table(outcomes, ASKED)
        router = _router_times(assistant, routers[0])
        timed = _timed(assistant, samples[: options.timed], routers, table.costliest(), options.out)
        model = assistant.settings.models.chat
    found = {**table.summary(), "router_ms": router, "model": model, "effort": options.effort}
    found["processor"] = timed
    found["auto_alone"] = str(share([one.right for one in outcomes if one.asked == "auto"]))
    found["auto_rows"] = sum(one.asked == "auto" for one in outcomes)
    options.page.write_text(_page(table, found, outcomes), encoding="utf-8")
    print(json.dumps(found))
    return 0


def _half(row_id: str) -> int:
    return zlib.crc32(f"half-{row_id}".encode()) % 2


def _routers(rows: Path) -> list[Any]:
    """For each half of the rows a router that learned from the other half."""
    from training.router.recipe import RouterRecipe
    from training.router.train import learn, read_rows

    recipe, learned = RouterRecipe(name="router", outcomes=[rows]), read_rows([rows])
    shape = (recipe.model, recipe.directions, recipe.strength, recipe.seed)
    return [learn([row for row in learned if _half(row["id"]) != half], *shape) for half in (0, 1)]


def _take(assistant: Any, router: Any) -> None:
    """Let the assistant route by this router."""
    from assistant.resources import Lazy

    assistant.resources.router = Lazy(lambda: router)


def _timed(assistant: Any, samples: list[Any], routers: list[Any], dear: str, out: Path) -> dict[str, Any]:
    """Processor seconds of `auto` and of the costliest path on the same rows, each first in every other row."""
    file, ask = out.with_suffix(".times.jsonl"), asker(assistant)
    known = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
    done = {row["id"] for row in known}
    for number, sample in enumerate(samples):
        if sample.id in done:
            continue
        _take(assistant, routers[_half(sample.id)])
        row: dict[str, Any] = {"id": sample.id}
        for path in ("auto", dear) if number % 2 else (dear, "auto"):
            assistant.resources.embeddings.get().forget()  # the second path must not find what the first embedded
            began = time.process_time()
            ask(sample, path)
            row[path] = time.process_time() - began
        known.append(row)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")
        _say(f"timed {number + 1}/{len(samples)}")
    told = [row for row in known if dear in row]
    means = {path: round(sum(row[path] for row in told) / len(told), 2) for path in ("auto", dear)}
    return {"n": len(told), **means, "ratio": ratio([row["auto"] for row in told], [row[dear] for row in told])}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _router_times(assistant: Any, router: Any, runs: int = 500) -> dict[str, float]:
    """Milliseconds the router takes beyond the embedding: its measures and its curves."""
    from graphs.seen import Found, see
    from graphs.tasks import find_task

    vector = assistant.resources.embeddings.get().embed_query("a question")
    message, taken = "Classify as spam or ham: see you at eight", []
    for _ in range(runs):
        began = time.perf_counter()
        router.chances(see(message, "task", find_task(message), Found([0.5] * 8, 0.4, 1000, 0.6)), vector)
        taken.append(1000 * (time.perf_counter() - began))
    taken.sort()
    return {"median": round(taken[runs // 2], 3), "p95": round(taken[int(0.95 * runs)], 3)}


def _page(table: Table, found: dict[str, Any], outcomes: list[Outcome]) -> str:
    best, dear = WORDS[found["best_single"]], WORDS[found["costliest"]]
    kept, low, high = found["right_against_best_single"]
    kept_dear, low_dear, high_dear = found["right_against_costliest"]
    timed = found["processor"]
    time_share, low_time, high_time = timed["ratio"]
    router, every = found["router_ms"], len({outcome.id for outcome in outcomes})
    rest = ""
    if every > found["n"]:
        rest = f""" The tables are of the {found["n"]} requests, a random part, that were asked on every path; on
`auto` all {every} were asked, and {found["auto_alone"]} of them were right."""
    return f"""# What choosing a path gives

Made by `python bench/routing.py` on a mixed development set of {every} requests: questions that Wikipedia articles
answer and questions they do not (SQuAD 2.0, written by people), questions about pages of software documentation,
trivia, arithmetic, intents (CLINC150, BANKING77) among twelve labels, sentiment, extraction to JSON, and talk. They
were asked on every path alone and with the path left to Crossroads, effort `{found["effort"]}`, chat model
`{found["model"]}`, with worked examples of intents, sentiment and extraction in the store. No request was routed by a
router that had seen it: each half of the set was routed by what the other half taught.{rest}

`eval/mixed/judge.py` says what counts as right; a refusal is right only where the documents do not say it. Shares are
in per cent with 95 % intervals (Wilson; differences and ratios by paired bootstrap). Times in the table are of a
machine with two cores that was busy with other work, more so while `auto` was asked, so they do not compare; processor
time does, and is below.

{markdown(table, WORDS)}
Against the best single path ({best}), auto gets {100 * kept:.0f} % as many right ({100 * low:.0f}–{100 * high:.0f});
against the costliest ({dear}), {100 * kept_dear:.0f} % ({100 * low_dear:.0f}–{100 * high_dear:.0f}).

Of {timed["n"]} of the requests, asked in turn with nothing kept of what was embedded, auto took {timed["auto"]} s of
processor time on average and the costliest path {timed[found["costliest"]]} s: {100 * time_share:.0f} %
({100 * low_time:.0f}–{100 * high_time:.0f}). The aim of 35 % is {"met" if time_share <= 0.35 else "not met"}; the path
from documents refuses a task at once, which the path that does the task cannot undercut.

The router itself took {router["p95"]} ms (95th percentile; median {router["median"]}) beyond the embedding.
"""


if __name__ == "__main__":
    raise SystemExit(main())
