"""What the graph adds to the bare engine: everything of a turn but the model's own time, at 10,000 chunks.

    python bench/overhead.py --chunks 300 --questions 5     a dry run
    python bench/overhead.py                                the real one

Each question is answered on path `rag` by the whole assistant; overhead is the turn's total less the time the model
took to write; `without_encoders` is what is left without the small encoders too (embedding, reading). The same
questions go to the store and to the embedding alone, so that one sees where it goes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.citations import questions  # noqa: E402
from bench.kb_docs import rows, write  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--home", default="", help="a home that is kept, as one left by bench/citations.py --home")
    parser.add_argument("--chat", default="", help="provider:model instead of the default; fake:passages is fast")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        from assistant.app import open_assistant
        from assistant.config import load_settings

        home = options.home or str(Path(made) / "home")
        settings = load_settings({"home": home, "models.chat": options.chat or None, "store.linger": 1.0})
        with open_assistant(settings) as assistant:
            chunks = _fill(assistant, Path(made) / "docs", options.chunks)
            print(
                json.dumps({"chunks": chunks, "model": settings.models.chat, **_measure(assistant, options.questions)})
            )
    return 0


def _fill(assistant: Any, folder: Path, wanted: int) -> int:
    """Ingest documents until there are that many chunks; a home that has them already is used as it is."""
    chunks = assistant.knowledge.stats().chunks
    if chunks >= wanted:
        return int(chunks)
    paths = write(folder, rows(0))
    for start in range(0, len(paths), 50):
        chunks += assistant.knowledge.ingest(paths[start : start + 50]).chunks
        print(f"{chunks} chunks", file=sys.stderr)
        if chunks >= wanted:
            break
    return chunks


def _measure(assistant: Any, count: int) -> dict[str, Any]:
    from assistant.records import Request

    asked = questions(assistant.knowledge, count + 2)
    for question in asked[:2]:  # the first loads what is missing
        assistant.ask(Request(question=question, path="rag"))
    names = ("overhead", "without_encoders", "route", "retrieve", "verify", "rest", "total")
    phases: dict[str, list[float]] = {name: [] for name in names}
    encoders = _Stopwatch([assistant.resources.embeddings.get(), assistant.resources.reader.get()])
    embed, search = [], []
    for question in asked[2:]:
        encoders.milliseconds = 0.0
        timing = assistant.ask(Request(question=question, path="rag")).timing
        overhead = timing.total - timing.generate
        encoded = encoders.milliseconds
        rest = overhead - timing.route - timing.retrieve - timing.verify
        values = (overhead, overhead - encoded, timing.route, timing.retrieve, timing.verify, rest, timing.total)
        for name, value in zip(phases, values, strict=True):
            phases[name].append(value)
        embed.append(_milliseconds(lambda: assistant.resources.embeddings.get().embed_query(question)))  # noqa: B023
        search.append(_milliseconds(lambda: assistant.knowledge.search(question)) - embed[-1])  # noqa: B023
    every = {**phases, "embedding_alone": embed, "store_alone": search}
    return {"questions": count, "milliseconds": {name: _spread(values) for name, values in every.items()}}


class _Stopwatch:
    """Adds up what the small encoders take; a call inside a call counts once."""

    def __init__(self, encoders: list[Any]) -> None:
        self.milliseconds = 0.0
        self._inside = threading.local()
        for encoder in encoders:
            for name in ("embed", "embed_query", "embed_documents", "read"):
                if hasattr(encoder, name):
                    object.__setattr__(encoder, name, self._timed(getattr(encoder, name)))

    def _timed(self, work: Any) -> Any:
        def timed(*arguments: Any, **options: Any) -> Any:
            if getattr(self._inside, "yes", False):
                return work(*arguments, **options)
            self._inside.yes, began = True, time.perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                self._inside.yes = False
                self.milliseconds += (time.perf_counter() - began) * 1000

        return timed


def _milliseconds(work: Any) -> float:
    since = time.perf_counter()
    work()
    return (time.perf_counter() - since) * 1000


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"median": round(statistics.median(ordered), 1), "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1)}


if __name__ == "__main__":
    raise SystemExit(main())
