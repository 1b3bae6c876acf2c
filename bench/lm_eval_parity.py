"""Perplexity of the default model: `crossroads eval perplexity` beside lm-eval on the same WikiText articles.

    python bench/lm_eval_parity.py [--limit 10]

Prints both figures and how far they are apart; ends with 1 where that is more than a thousandth. Needs CROSSROADS_DATA.
The window is the model's whole context, as lm-eval's is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODEL = "local:smollm2-135m-instruct"
CONTEXT = 8192
METRICS = ("word_perplexity", "byte_perplexity", "bits_per_byte")


def crossroads(*arguments: str) -> dict[str, Any]:
    line = [sys.executable, "-m", "assistant", "eval", *arguments, "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=10, help="articles")
    limit = ["--limit", str(parser.parse_args().limit)]
    ours = crossroads("perplexity", MODEL, "wikitext", "--window", str(CONTEXT), *limit)
    theirs = crossroads("lm-eval", MODEL, "--tasks", "crossroads_wikitext", *limit)
    apart = 0.0
    for name in METRICS:
        one, other = ours["metrics"][name]["value"], theirs["tasks"]["crossroads_wikitext"]["metrics"][name]["value"]
        apart = max(apart, abs(one / other - 1))
        print(f"{name:<18} ours {one:.5f}   lm-eval {other:.5f}   {one / other - 1:+.5%}")
    print(f"{ours['texts']} articles, {ours['tokens']} tokens; {ours['seconds']:.0f} s and {theirs['seconds']:.0f} s")
    return int(apart > 1e-3)


if __name__ == "__main__":
    raise SystemExit(main())
