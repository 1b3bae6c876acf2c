"""What does a file cost that attacks its reader? Seconds and peak memory of each, in a parser process of its own.

    python bench/hostile.py            every maker of tests/assistant/knowledge/hostile_files.py
    python bench/hostile.py bomb.docx  one of them

The bounds of the product: 5 seconds and 512 MB for each. Seconds are counted from handing the file over until it is
read or refused, the start of the process and the loading of the parser included.
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

from assistant.knowledge.loaders.worker import Worker  # noqa: E402
from graphs.errors import DocumentError  # noqa: E402
from tests.assistant.knowledge.hostile_files import HARMLESS, HOSTILE  # noqa: E402

SECONDS, MEGABYTES = 5.0, 512.0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="files to try; all without")
    parser.add_argument("--json", metavar="FILE", help="write the numbers here, too")
    options = parser.parse_args()
    makers = {**HOSTILE, **HARMLESS}
    rows = [_measure(name, makers[name]()) for name in options.names or makers]
    over = [row["name"] for row in rows if row["seconds"] > SECONDS or row["peak_mb"] > MEGABYTES]
    print(f"{len(rows)} files, {len(over)} above {SECONDS:g} s or {MEGABYTES:g} MB: {', '.join(over) or 'none'}")
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return bool(over)


def _measure(name: str, data: bytes) -> dict[str, Any]:
    worker = Worker()
    began = time.perf_counter()
    try:
        loaded = worker.load(data, name)
        outcome = f"read: {len(loaded.text):,} characters"
    except DocumentError as error:
        outcome = f"refused: {error.message}"
    seconds = time.perf_counter() - began
    worker.close()
    print(
        f"{name:22}{len(data) / 2**20:>8.2f} MB{seconds:>8.2f} s{worker.peak_mb:>8.0f} MB  {outcome[:110]}", flush=True
    )
    return {"name": name, "seconds": round(seconds, 3), "peak_mb": worker.peak_mb, "outcome": outcome}


if __name__ == "__main__":
    raise SystemExit(main())
