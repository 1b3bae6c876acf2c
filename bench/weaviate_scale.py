"""How does the store grow? Recall@10 against exact search, and p50 and p99 at the store, on Weaviate of N × 384.

    python bench/weaviate_scale.py --sizes 2000 --queries 50        a dry run
    python bench/weaviate_scale.py                                  10,000 and 100,000

Vectors are MiniLM's of passages of `kb_docs` and `kb_peps` with Gaussian noise added (length `--noise` beside 1, then
brought to unit length), because embedding 100,000 passages takes an hour: clusters as they really are, neighbours that
differ. Queries are other noisy copies. Search goes through the product's own `near`, ten hits, one at a time, after a
warm-up; what is timed is the call as Python sees it, the store's own time included. One million is extrapolated from
the two sizes by a straight line over log N, and called so.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
K = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--passages", type=int, default=4000, help="real passages the vectors are made from")
    parser.add_argument("--noise", type=float, default=0.5)
    options = parser.parse_args()
    seeds = passages(options.passages)
    rows = [measure(size, seeds, options) for size in options.sizes]
    report = {"machine_cores": os.cpu_count(), "passages": len(seeds), "noise": options.noise, "rows": rows}
    if len(rows) > 1:
        report["extrapolated_to_1M"] = extrapolate(rows)
    print(json.dumps(report, indent=1))
    return 0 if all(row["recall"] >= 0.99 and row["p99_ms"] <= 10 for row in rows) else 1


def passages(number: int) -> Any:
    """Unit vectors of real passages, spread over both sets."""
    from assistant.config import load_settings
    from assistant.knowledge.embedding import LocalEmbeddings
    from assistant.models import ensure
    from bench.kb_docs import rows

    settings = load_settings()
    texts = [row["text"][start : start + 800] for row in rows(0) for start in range(0, len(row["text"]), 800)]
    chosen = texts[:: max(1, len(texts) // number)][:number]
    print(f"embedding {len(chosen)} passages", file=sys.stderr, flush=True)
    return LocalEmbeddings(ensure("all-minilm-l6-v2", settings), settings).embed(chosen)


def noisy(seeds: Any, number: int, noise: float, seed: int) -> Any:
    """Unit vectors around the seeds."""
    chance = np.random.default_rng(seed)
    around = seeds[chance.integers(0, len(seeds), number)]
    moved = around + noise * chance.normal(size=around.shape) / np.sqrt(around.shape[1])
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


def measure(size: int, seeds: Any, options: argparse.Namespace) -> dict[str, Any]:
    from assistant.config import load_settings
    from assistant.knowledge import weaviate_server
    from assistant.knowledge.stores import open_store
    from assistant.knowledge.types import Where

    vectors, queries = noisy(seeds, size, options.noise, 1), noisy(seeds, options.queries + 50, options.noise, 2)
    with tempfile.TemporaryDirectory() as made:
        settings = load_settings({"home": made, "store.kind": "weaviate", "store.linger": 0, "store.timeout": 60})
        store = open_store(settings, fingerprint="scale", dimensions=vectors.shape[1])
        try:
            began = time.perf_counter()
            fill(store, vectors)
            filled = time.perf_counter() - began
            spent, right = [], []
            for number, query in enumerate(queries):
                began = time.perf_counter()
                found = store.near("scale", query, K, Where())
                taken = 1000 * (time.perf_counter() - began)
                if number >= 50:  # the first ones warm up
                    exact = np.argpartition(-(vectors @ query), K)[:K]
                    right.append(len({f"c{place}" for place in exact} & set(found)) / K)
                    spent.append(taken)
        finally:
            store.close()
            weaviate_server.stop(settings)
    row = {"size": size, "fill_seconds": round(filled, 1), "recall": round(float(np.mean(right)), 4)}
    row |= {f"p{q}_ms": round(float(np.percentile(spent, q)), 2) for q in (50, 95, 99)}
    print(row, file=sys.stderr, flush=True)
    return row


def fill(store: Any, vectors: Any) -> None:
    from assistant.knowledge.types import Chunk

    document = str(uuid.uuid5(uuid.NAMESPACE_URL, "scale"))
    for start in range(0, len(vectors), 1000):
        part = vectors[start : start + 1000]
        chunks = [
            Chunk(f"c{place}", document, "scale", "scale", f"passage {place}", place, place + 1)
            for place in range(start, start + len(part))
        ]
        store.put("scale", chunks, part)
        print(f"{start + len(part)} of {len(vectors)}", file=sys.stderr, flush=True)


def extrapolate(rows: list[dict[str, Any]]) -> dict[str, float]:
    """A straight line over log N through the first and the last size: not a measurement."""
    first, last = rows[0], rows[-1]
    steps = np.log(1_000_000 / last["size"]) / np.log(last["size"] / first["size"])
    return {name: round(last[name] + steps * (last[name] - first[name]), 3) for name in ("recall", "p50_ms", "p99_ms")}


if __name__ == "__main__":
    raise SystemExit(main())
