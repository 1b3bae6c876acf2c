"""How long reading and checking take: `python bench/evidence.py` prints milliseconds, median and 95th percentile.

Eight passages of about 200 tokens for the reader; four sentences against three passages for the checker.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from assistant.config import load_settings
from assistant.evidence import open_checker, open_reader
from assistant.providers import embeddings

SENTENCE = (
    "In section {n} the council of Tampere agreed in {year} to extend line {n} of the tramway by {n} kilometres. "
)
ANSWER = (
    "The council of Tampere agreed to extend the tramway. Line 3 grew by 3 kilometres in 1903. "
    "The extension was agreed in section 5. It was paid for by the city."
)


def passages(count: int, tokens: int = 200) -> list[str]:
    """Texts of about `tokens` tokens each, all different."""
    lines = tokens // 24
    return ["".join(SENTENCE.format(n=p * lines + n, year=1900 + n) for n in range(lines)) for p in range(count)]


def timed(work: Callable[[], object], runs: int) -> dict[str, float]:
    """Milliseconds of `runs` calls after one that is not counted."""
    work()
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return {"median": round(statistics.median(taken), 1), "p95": round(sorted(taken)[int(0.95 * (runs - 1))], 1)}


def main() -> None:
    """Time what is here and print one JSON object."""
    parser = argparse.ArgumentParser(description="Time the reader and the grounding checker.")
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    settings = load_settings()
    encoder = embeddings(settings.models.embedding, settings)
    checker, reader = open_checker(settings, encoder), open_reader(settings, encoder)
    eight, three = passages(8), passages(3)
    found = {"check_ms": timed(lambda: checker.check(ANSWER, three), runs)}
    if reader is not None:
        found["read_ms"] = timed(lambda: reader.read("When was the tramway extended?", eight), runs)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
