"""Cleaning under a memory cap: seconds by the clock and of the processor, and the peak of memory at growing sizes.

Texts are the books of `CROSSROADS_DATA`, cut and shuffled anew until they are as large as asked, with one in twenty
repeated; each size is cleaned by a process of its own that may not hold more than `--cap` megabytes of data.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = "import sys; from assistant.__main__ import main; sys.argv = ['crossroads', *sys.argv[1:]]; main()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="50,200,400", help="megabytes of JSON Lines")
    parser.add_argument("--cap", type=int, default=2000, help="megabytes of data a process may hold (RLIMIT_DATA)")
    parser.add_argument("--filters", action="store_true", help="those of language and quality as well")
    options = parser.parse_args()
    more = ["--language", "en", "--quality"] if options.filters else []
    head = "| MB | seconds | processor seconds | MB a processor second | rows | kept | peak resident MB |"
    print(f"{head}\n|---:|---:|---:|---:|---:|---:|---:|")
    for size in map(int, options.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            print(_row(Path(folder), size, options.cap, more), flush=True)


def _row(folder: Path, size: int, cap: int, more: list[str]) -> str:
    source, report = folder / "texts.jsonl", folder / "report.txt"
    _write(source, size * 1_000_000)
    command = [sys.executable, "-c", CODE, "data", "clean", str(source), "--out", str(folder / "out"), "--json"]
    began = time.monotonic()
    with report.open("wb") as out:
        process = subprocess.Popen(
            [*command, *more, "--dev", "0.05", "--against", str(_held_out(folder))],
            stdout=out,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (cap * 1_000_000,) * 2),
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    assert os.waitstatus_to_exitcode(status) == 0, report.read_text()
    found = json.loads(report.read_text().splitlines()[-1])
    peak = usage.ru_maxrss / 1000
    worked = usage.ru_utime + usage.ru_stime
    speed = f"{seconds:.0f} | {worked:.0f} | {size / worked:.2f}"
    return f"| {size} | {speed} | {found['rows']} | {found['kept']} | {peak:.0f} |"


def _held_out(folder: Path) -> Path:
    path = folder / "exam.jsonl"
    path.write_text('{"question": "which of the seven bridges was built first and who paid for all of its stones"}\n')
    return path


def _write(path: Path, size: int) -> None:
    books = Path(os.environ["CROSSROADS_DATA"]) / "books_prose.jsonl.gz"
    with gzip.open(books, "rt", encoding="utf-8") as lines:
        sentences = [s for line in lines for s in json.loads(line)["text"].split(". ") if 30 < len(s) < 400]
    draw, written, last = random.Random(1), 0, ""  # noqa: S311
    with path.open("w", encoding="utf-8") as out:
        while written < size:
            text = last if last and draw.random() < 0.05 else ". ".join(draw.choices(sentences, k=20)) + "."
            last = text
            line = json.dumps({"id": str(written), "text": text}, ensure_ascii=False) + "\n"
            written += out.write(line)


if __name__ == "__main__":
    main()
