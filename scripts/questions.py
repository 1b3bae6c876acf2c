"""Takes the evidence in docs/questions.jsonl anew from the pages, after one of them changed.

Each row names its page and heading; a heading that is gone is an error that names the row.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
FILE = DOCS / "questions.jsonl"


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one; empty where there is no such heading."""
    found = re.search(rf"^#+ {re.escape(heading)}\n\n(.*?)(?=\n\n#+ |\Z)", page, flags=re.M | re.S)
    return found[1].strip() if found else ""


def main() -> int:
    """Rewrite the file; exit 1 where a heading is gone."""
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    gone = []
    for row in rows:
        about = row["metadata"]
        if about["answerable"]:
            about["evidence"] = section((DOCS / about["source"]).read_text(encoding="utf-8"), about["heading"])
            gone += [] if about["evidence"] else [f"{row['id']}: no heading {about['heading']!r} in {about['source']}"]
    print("\n".join(gone) or f"{len(rows)} questions")
    FILE.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return 1 if gone else 0


if __name__ == "__main__":
    sys.exit(main())
