"""The assistant on its own documentation: does an answer cite the paragraph that has it, and is the rest refused?

    python bench/own_questions.py

Asks every question of `docs/questions.jsonl` in a new home. A citation counts where it and the gold paragraph share
their first 60 characters one way or the other. Prompts, weights and pages were tuned on these questions.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main() -> int:
    from assistant.app import open_assistant
    from assistant.config import load_settings
    from assistant.records import Request

    rows = [json.loads(line) for line in (ROOT / "docs" / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    counts: Counter[str] = Counter()
    with (
        tempfile.TemporaryDirectory() as home,
        open_assistant(load_settings({"home": home, "store.linger": 1.0})) as assistant,
    ):
        for row in rows:
            answer = assistant.ask(Request(question=row["input"]))
            kind = "answerable" if row["metadata"]["answerable"] else "unanswerable"
            done = "refused" if answer.abstained else "quoted" if answer.quoted else "own words"
            counts.update([kind, f"{kind}, {done}"])
            if kind == "answerable":
                counts["gold paragraph cited"] += cites(answer.citations, row["metadata"]["evidence"])
    print(json.dumps(dict(sorted(counts.items()))))
    return 0


def cites(citations: list[Any], gold: str) -> bool:
    """Whether one of the citations is of the gold paragraph."""
    gold = " ".join(gold.split())
    snippets = [" ".join(citation.snippet.split()) for citation in citations]
    return any(snippet[:60] in gold or gold[:60] in snippet for snippet in snippets)


if __name__ == "__main__":
    raise SystemExit(main())
