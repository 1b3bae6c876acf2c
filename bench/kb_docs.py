"""The documents of the public set `kb_docs`, as files in a folder."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def rows(limit: int) -> list[dict[str, str]]:
    """`limit` rows spread evenly over the set (0: all of them). Exits where the set is not there."""
    folder = Path(os.environ.get("CROSSROADS_DATA") or ROOT.parent / "shared" / "data")
    file = folder / "kb_docs.jsonl.gz"
    if not file.is_file():
        raise SystemExit(f"{file} is missing; set CROSSROADS_DATA to the folder of the public data sets.")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return found[:: max(1, len(found) // limit)][:limit] if limit else found


def write(folder: Path, documents: list[dict[str, str]]) -> list[Path]:
    """One Markdown file a document, under its path in its repository."""
    paths = []
    for row in documents:
        path = (folder / row["source"].replace("/", "-") / row["path"]).with_suffix(".md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(row["text"], encoding="utf-8")
        paths.append(path)
    return sorted(set(paths))
