"""How does the store grow? Recall@10 against exact search, and p50 and p99 at the store, on Weaviate of N × 384.

    python bench/weaviate_scale.py --sizes 2000 --queries 50        a dry run
    python bench/weaviate_scale.py                                  10,000 and 100,000
    python bench/weaviate_scale.py --homes FOLDER --load-only       fills the homes; without --load-only measures them
    python bench/weaviate_scale.py --homes FOLDER --ef 64 128 256   several search depths (HNSW's ef) in one go

Vectors are MiniLM's of passages of `kb_docs` and `kb_peps` with Gaussian noise added (length `--noise` beside 1, then
brought to unit length), because embedding 100,000 passages takes an hour: clusters as they really are, neighbours that
differ. Queries are other noisy copies. Search goes through the product's own `near`, ten hits, one at a time, after a
warm-up; what is timed is the call as Python sees it, the store's own time included. One million is extrapolated from
the two sizes by a straight line over log N, and called so. Exit 1 where the product's own search depth does not
reach a recall of 0.99 with a p99 of 10 ms. The queries are asked `--rounds` times; p50 and p99 are over all of them.
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

from assistant.knowledge.stores.weaviate import SEARCH_DEPTH  # noqa: E402

K = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--passages", type=int, default=4000, help="real passages the vectors are made from")
    parser.add_argument("--noise", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ef", type=int, nargs="*", default=[SEARCH_DEPTH], help="search depths to measure")
    parser.add_argument("--homes", default="", help="a folder that keeps the filled homes")
    parser.add_argument("--load-only", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        options.homes = Path(options.homes or made)
        options.homes.mkdir(parents=True, exist_ok=True)
        seeds = kept_passages(options)
        measured = [row for size in options.sizes for row in measure(size, seeds, options)]
    if options.load_only:
        return 0
    rows = [row for row in measured if row["ef"] == SEARCH_DEPTH] or measured
    report = {"machine_cores": os.cpu_count(), "passages": len(seeds), "noise": options.noise, "rows": measured}
    if len(options.sizes) > 1:
        report["extrapolated_to_1M"] = extrapolate(rows)
    print(json.dumps(report, indent=1))
    return 0 if all(row["recall"] >= 0.99 and row["p99_ms"] <= 10 for row in rows) else 1


def kept_passages(options: argparse.Namespace) -> Any:
    """As `passages`; embedded once for a folder of homes."""
    file = options.homes / f"passages-{options.passages}.npy"
    if not file.exists():
        np.save(file, passages(options.passages))
    return np.load(file)


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


def measure(size: int, seeds: Any, options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each search depth, over a home that is filled where it is not yet."""
    from assistant.config import load_settings
    from assistant.knowledge import weaviate_server
    from assistant.knowledge.stores import open_store

    vectors, queries = noisy(seeds, size, options.noise, 1), noisy(seeds, options.queries + 50, options.noise, 2)
    home = options.homes / str(size)
    settings = load_settings({"home": str(home), "store.kind": "weaviate", "store.linger": 0, "store.timeout": 60})
    store = open_store(settings, fingerprint="scale", dimensions=vectors.shape[1])
    try:
        if store.count("scale") < size:
            fill(store, vectors)
        exact = nearest(home / f"exact-{len(queries)}.npy", vectors, queries)
        if options.load_only:
            return []
        return [{"size": size, "ef": ef, **asked(store, ef, queries, exact, options.rounds)} for ef in options.ef]
    finally:
        store.close()
        weaviate_server.stop(settings)


def nearest(file: Path, vectors: Any, queries: Any) -> Any:
    """The places of the ten true neighbours of each query; worked out once for a home that is kept."""
    if not file.exists():
        rows = [np.argpartition(-(vectors @ query), K)[:K] for query in queries]
        np.save(file, np.array(rows))
    return np.load(file)


def asked(store: Any, ef: int, queries: Any, exact: Any, rounds: int) -> dict[str, Any]:
    """Recall and milliseconds at one search depth; the first 50 queries warm up."""
    from assistant.knowledge.types import Where

    set_depth(store, ef)
    spent, right = [], []
    for turn in range(rounds):
        for number, query in enumerate(queries):
            began = time.perf_counter()
            found = store.near("scale", query, K, Where())
            taken = 1000 * (time.perf_counter() - began)
            if turn or number >= 50:
                right.append(len({f"c{place}" for place in exact[number]} & set(found)) / K)
                spent.append(taken)
    row = {"recall": round(float(np.mean(right)), 4), "asked": len(spent)}
    row |= {f"p{q}_ms": round(float(np.percentile(spent, q)), 2) for q in (50, 95, 99)}
    print(ef, row, file=sys.stderr, flush=True)
    return row


def set_depth(store: Any, ef: int) -> None:
    """Search with this `ef` from now on."""
    from weaviate.classes.config import Reconfigure

    index = Reconfigure.VectorIndex.hnsw(ef=ef)
    collection = store._connected().collections.get(store._class)
    collection.config.update(vector_config=Reconfigure.Vectors.update(name="default", vector_index_config=index))


def fill(store: Any, vectors: Any) -> None:
    """Every vector in the store; goes on where a fill before was stopped."""
    from assistant.knowledge.types import Chunk

    document = str(uuid.uuid5(uuid.NAMESPACE_URL, "scale"))
    for start in range(store.count("scale") // 1000 * 1000, len(vectors), 1000):
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
