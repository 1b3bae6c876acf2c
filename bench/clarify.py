"""What does asking back cost and bring? The documentation's questions with `answering.clarify` on and off.

    python bench/clarify.py --rows 10     a dry run
    python bench/clarify.py               all of docs/questions.jsonl

Each question names one thing of one documentation, so every question back is one too many: the figure that may not
grow. What asking back brings is tested on documents that disagree (tests/graphs/test_unclear.py). Prints one JSON
object; a question that was asked back about is put again with the setting off.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.own_questions import cites  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    options = parser.parse_args()
    lines = (ROOT / "docs" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines][: options.rows]
    with tempfile.TemporaryDirectory() as home:
        asked_back = [row for row, answer in _answered(home, rows, clarify=True) if answer.route.path == "clarify"]
        again = _answered(home, asked_back, clarify=False)
    answered = [row for row, answer in again if cites(answer.citations, row["metadata"]["evidence"])]
    told = {"questions": len(rows), "asked_back": len(asked_back), "of_these_answered_rightly_without": len(answered)}
    print(json.dumps(told | {"asked_back_about": [row["input"] for row in asked_back]}, ensure_ascii=False))
    return 0


def _answered(home: str, rows: list[dict[str, Any]], *, clarify: bool) -> list[tuple[dict[str, Any], Any]]:
    from assistant.app import open_assistant
    from assistant.config import load_settings
    from assistant.records import Request

    if not rows:
        return []
    flags = {"home": home, "store.linger": 30.0, "answering.clarify": clarify, "answering.effort": "quick"}
    with open_assistant(load_settings(flags)) as assistant:
        return [(row, assistant.ask(Request(question=row["input"], history=[]))) for row in rows]


if __name__ == "__main__":
    raise SystemExit(main())
