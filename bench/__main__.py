"""Every measurement of the project, one after the other: `python bench [--quick] [NAME …]`.

Each is a script of its own beside this file, with its own `--help`; what is missing for one (public data, an engine)
ends that one alone. Takes about an hour in full, a few minutes with `--quick`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
QUICK = {
    "engines": ["--quick"],
    "overhead": ["--chunks", "300", "--questions", "5"],
    "ingest": ["--limit", "8", "--rounds", "1"],
    "citations": ["--limit", "20", "--questions", "20", "--answers", "3"],
    "kill": ["--times", "2"],
    "client": ["--times", "3"],
    "own_questions": [],
    "answerable": ["--rows", "30"],
    "reading": ["--share", "0.05"],
    "memory": ["--questions", "10"],
    "injection": ["--limit", "5"],
    "clarify": ["--rows", "5"],
    "evidence": [],
    "gate": ["--limit", "24"],
    "few_shot": ["--rows", "3", "--page", "/dev/null", "--out", "runs/few-shot-quick.jsonl"],
    "tasks": ["--rows", "2"],
    "refusal": ["--rows", "40", "--page", "/dev/null"],
    "routing": ["--share", "0.03", "--page", "/dev/null", "--out", "runs/routing-quick.jsonl"],
    "comparison": ["--quick"],
    "lm_eval_parity": ["--limit", "1"],
    "retrieval": ["--sets", "own_docs", "--most", "20"],
    "weaviate_scale": ["--sizes", "1000", "2000", "--queries", "50", "--passages", "200"],
    "kill_ingest": ["--kills", "2", "--documents", "30", "--longest", "4", "--embedding", "fake:words"],
    "store_down": [],
    "load": ["--users", "5", "--minutes", "0.3"],
    "grading": ["--grades", "3"],
    "hostile": [],
    "exports": ["--questions", "3", "--formats", "gguf", "--only", "model"],
    "data": ["--sizes", "5,20"],
    "training": ["--rows", "32", "--steps", "3", "--length", "256", "--batch", "1"],
    "tutorial": ["--grades", "120"],
    "chunking": ["--corpora", "state_of_the_union", "--questions", "20", "--ways", "ours 200+30", "recursive 800+100"],
}
"""The scripts, and what makes each a dry run."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(QUICK)}; all without")
    parser.add_argument("--quick", action="store_true", help="a dry run of each: sizes too small to quote")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in QUICK]
    if unknown:
        parser.error(f"no bench is called {unknown[0]!r}; there are {', '.join(QUICK)}")
    failed = [name for name in options.names or QUICK if not _run(name, options.quick)]
    if failed:
        print(f"did not end well: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


def _run(name: str, quick: bool) -> bool:
    print(f"\n== {name}", flush=True)
    return subprocess.run([sys.executable, str(FOLDER / f"{name}.py"), *(QUICK[name] if quick else [])]).returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())
