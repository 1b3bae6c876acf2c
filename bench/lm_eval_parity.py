"""The default model under `crossroads eval` and under lm-eval's own command, on the same weights and rows.

    python bench/lm_eval_parity.py [--articles 10] [--limit 60]

Prints perplexities of WikiText-2's articles and figures of tasks of every sort (choices, a last word, written
answers), ours and lm-eval's, and how far they are apart; ends with 1 where a perplexity is off by more than a
thousandth or a task's figure at all. Needs CROSSROADS_DATA. Both see 2,048 tokens at once: logits of the model's whole
context fill gigabytes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

MODEL = "local:smollm2-135m-instruct"
WINDOW = 2048
WIKITEXT = "crossroads_wikitext"
PERPLEXITIES = ("word_perplexity", "byte_perplexity", "bits_per_byte")
TASKS = ("crossroads_piqa", "crossroads_copa", "crossroads_boolq", "crossroads_svamp")
_SHARED = 1e-3


def crossroads(*arguments: str) -> dict[str, Any]:
    line = [sys.executable, "-m", "assistant", "eval", *arguments, "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout)
    return found


def lm_evals_own(folder: str, tasks: tuple[str, ...], limit: int) -> dict[str, Any]:
    """What `lm_eval run` writes of these tasks."""
    with tempfile.TemporaryDirectory() as out:
        line = [sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--device", "cpu", "--output_path", out]
        line += ["--model_args", f"pretrained={folder},dtype=float32,max_length={WINDOW}", "--tasks", ",".join(tasks)]
        line += ["--include_path", str(ROOT / "eval" / "lm_eval_tasks"), "--limit", str(limit)]
        subprocess.run(line, cwd=ROOT, check=True, stdout=sys.stderr)
        file = next(Path(out).rglob("results_*.json"))
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["results"]
        return found


def weights() -> str:
    """The folder of the default model's weights that transformers, and so lm-eval, can load."""
    from assistant.config import load_settings
    from assistant.likelihood import find_source, weights_folder

    settings = load_settings({})
    return weights_folder(find_source(MODEL, settings), settings)


def perplexities(folder: str, articles: int) -> bool:
    """Whether each agrees to a thousandth."""
    ours = crossroads("perplexity", MODEL, "wikitext", "--window", str(WINDOW), "--limit", str(articles))
    theirs = lm_evals_own(folder, (WIKITEXT,), articles)[WIKITEXT]
    agree = True
    for name in PERPLEXITIES:
        one, other = ours["metrics"][name]["value"], theirs[f"{name},none"]
        agree = agree and abs(one / other - 1) <= _SHARED
        print(f"{name:<40} ours {one:.5f}   lm-eval {other:.5f}   {one / other - 1:+.5%}")
    print(f"{ours['texts']} articles, {ours['tokens']} tokens")
    return agree


def tasks(folder: str, limit: int) -> bool:
    """Whether every figure is the same."""
    ours = crossroads("lm-eval", MODEL, "--tasks", ",".join(TASKS), "--limit", str(limit))["tasks"]
    theirs = lm_evals_own(folder, TASKS, limit)
    agree = True
    for task in TASKS:
        other = {_label(name): value for name, value in theirs[task].items()}
        for name, figure in ours[task]["metrics"].items():
            same = figure["value"] == other[name]
            agree = agree and same
            print(f"{task + ' ' + name:<40} ours {figure['value']:.5f}   lm-eval {other[name]:.5f}   n {limit}")
    return agree


def _label(key: str) -> str:
    """lm-eval's `exact_match,last_number` as our command names it."""
    name, _, filtered = key.partition(",")
    return name if filtered in ("", "none") else f"{name} ({filtered})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=10, help="of WikiText-2")
    parser.add_argument("--limit", type=int, default=60, help="rows of each task")
    options = parser.parse_args()
    folder = weights()
    agree = [perplexities(folder, options.articles), tasks(folder, options.limit)]
    return int(not all(agree))


if __name__ == "__main__":
    raise SystemExit(main())
