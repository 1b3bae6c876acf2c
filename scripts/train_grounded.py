"""The grounded adapter from public sets to a judged adapter: `python scripts/train_grounded.py --out FOLDER`.

Needs CROSSROADS_DATA. On a GPU it takes all rows; `--dry-run` takes a few steps of a few rows on any computer and
shows that every part works. Interrupted, the same command with `--resume` goes on. At the end stand the adapter in
`OUT/run/model` (fp16, at most 16 MiB), `OUT/figures.json`, and the commands that measure what it may have forgotten.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from assistant.cli.output import say  # noqa: E402
from eval.squad import auc, f1  # noqa: E402
from graphs.errors import CrossroadsError, UsageError  # noqa: E402

MOST_BYTES = 16 * 2**20
DRY: dict[str, Any] = {
    "steps": 4,
    "batch": 1,
    "accumulation": 2,
    "max_length": 640,
    "judge_rows": 4,
    "evaluate_every": 2,
    "checkpoint_every": 2,
    "answer_tokens": 24,
}


def main() -> int:
    """Make rows, train, judge, and say what came of it."""
    parser = argparse.ArgumentParser(description="Train and judge the grounded adapter.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true", help="a few steps of a few rows")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--most", type=int, default=0, help="rows of each set at most; 0 takes all")
    parser.add_argument("--several", type=int, default=0, help="rows over several passages at most; 0 takes all")
    parser.add_argument("--asked", type=int, default=1, help="only passages with at least so many questions")
    parser.add_argument("--judge", type=int, default=0, help="rows to judge by; 0 takes all")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replace a key of the recipe")
    arguments = parser.parse_args()
    try:
        figures = run(arguments)
    except CrossroadsError as error:
        say(str(error))
        return 1
    print(json.dumps(figures, indent=1))
    return 0


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The whole way; the figures."""
    from assistant.config import load_settings
    from assistant.models.folders import base_folder
    from training.listeners import Bar
    from training.recipe import parse_sets
    from training.stages import load_recipe, train
    from training.tuning.grounded_mix import write_mix

    if not os.environ.get("CROSSROADS_DATA"):
        raise UsageError("CROSSROADS_DATA is not set.", "Set it to the folder of the public sets.")
    out, data = arguments.out, Path(os.environ["CROSSROADS_DATA"])
    settings = load_settings({})
    rows = out / "rows"
    if not (rows / "train.jsonl").is_file():
        most = 40 if arguments.dry_run else arguments.most
        counts = write_mix(data, rows, most=most, asked=arguments.asked, several=arguments.several)
        say(f"rows: {counts}")
    keys = {"data": [str(rows / "train.jsonl")], "dev": [str(rows / "dev.jsonl")], "out": str(out / "run")}
    keys |= DRY if arguments.dry_run else {}
    recipe = load_recipe("grounded-qa", {**keys, **parse_sets(arguments.set)})
    trained = train(
        recipe, resume=arguments.resume, listeners=[Bar(say)], resolve=lambda name: base_folder(name, settings)
    )
    size = (trained.folder / "adapter_model.safetensors").stat().st_size
    if size > MOST_BYTES:
        raise UsageError(f"The adapter has {size} bytes; {MOST_BYTES} may ship.", "Lower rank.")
    base = base_folder(str(getattr(recipe, "base", "")), settings)
    most = arguments.judge or (8 if arguments.dry_run else 0)
    figures = {"bytes": size, **judge(base, trained.folder, rows / "dev.jsonl", most), **trained.version.metrics}
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for line in _next(trained.version.name):
        say(line)
    return figures


def judge(base: Path, adapter: Path, dev: Path, most: int) -> dict[str, float]:
    """F1 as SQuAD 2.0 has it, a refusal being the empty answer, with 95 % intervals; `most` rows, 0 for all."""
    from eval.sample import read_rows
    from training.tuning.causal import load_tokenizer, reload
    from training.tuning.measure import answers, interval
    from training.tuning.refusing import refusal_log_odds
    from training.tuning.rewards import refuses
    from training.tuning.texts import REFUSAL, encode_prompt, grounded_prompt

    tokenizer = load_tokenizer(base)
    rows = [row for _, row in read_rows(dev)][: most or None]
    prompts = [encode_prompt(grounded_prompt(row["question"], row["passages"]), tokenizer) for row in rows]
    written = answers(reload(base, adapter), tokenizer, prompts, 48, 16)
    plain = ["" if refuses(text) else text.split(" [")[0] for text in written]
    wanted = ["" if row["answer"] == REFUSAL else row["answer"].split(" [")[0] for row in rows]
    scored = [100 * f1(text, [right] if right else []) for text, right in zip(plain, wanted, strict=True)]
    refused = [100.0 * (not text) for text, right in zip(plain, wanted, strict=True) if not right]
    answered = [one for one, right in zip(scored, wanted, strict=True) if right]
    cited = [100.0 * ("[" in text) for text, right in zip(written, wanted, strict=True) if right]
    found: dict[str, float] = {"judged_rows": len(rows)}
    for name, values in {"f1": scored, "answerable_f1": answered, "refused": refused, "cited": cited}.items():
        if values:
            mean, low, high = interval(values)
            found |= {f"squad_{name}": mean, f"squad_{name}_low": low, f"squad_{name}_high": high}
    odds = refusal_log_odds(base, adapter, [(row["question"], row["passages"]) for row in rows])
    no, yes = ([one for one, right in zip(odds, wanted, strict=True) if bool(right) is side] for side in (False, True))
    return found | ({"squad_refusal_auc": auc(no, yes)} if no and yes else {})


def _next(name: str) -> list[str]:
    """What else must be measured before it may go live."""
    return [
        "Register it with `crossroads train grounded-qa` (this script does not), then measure what it may have lost:",
        f"  crossroads eval perplexity --help   # local:{name}@1 against its base",
        f"  crossroads eval --help              # HellaSwag, PIQA, ARC-easy, Winogrande on local:{name}@1",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
