"""How well are passages found? nDCG@10 and recall@k of each half, of the hybrid, and of each step one can add.

    python bench/retrieval.py --sets own_docs --most 20          a dry run
    python bench/retrieval.py --most 120 --documents 100 --reader 24 --write docs/retrieval-quality.md    the page

Chunks, embedding, store and search are the product's own (`bench/retrieval_sets.py` says what the sets are). Every row
is compared with the hybrid on the same questions: the interval is a paired bootstrap of the difference. TF-IDF
(scikit-learn, cosine) stands beside for comparison; `--reader N` has the reader that ships order the first 40 anew, by
how likely each answers, and `--reranker` a cross-encoder of your own. Exit 1 where the hybrid is below one of its
halves on a set.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.retrieval_page import BASE, FOLLOWS, page  # noqa: E402
from bench.retrieval_sets import Pool, load  # noqa: E402

SETS = ("own_docs", "rag_chunk", "kb_docs", "multi")
SHARES = (0.1, 0.15, 0.25, 0.3, 0.4)
"""Other shares of the vectors than the default, for the table of them."""
Ranker = Callable[[str], list[str]]
"""A question to chunk ids, best first, ten of them."""
K = 10
HALVES = ("BM25", "vectors")
READER = f"{BASE} + the reader"


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as made:
        from assistant.config import load_settings
        from assistant.knowledge.stores import open_store

        settings = load_settings({"home": made, "store.kind": options.store, "store.linger": 1})
        model = _embeddings(settings)
        store = open_store(settings, fingerprint=model.fingerprint, dimensions=model.dimensions)
        try:
            report = _measure(options, settings, model, store)
        finally:
            store.close()
    text = json.dumps(report, indent=1)
    print(text)
    if options.write:
        before = Path(options.write).read_text(encoding="utf-8") if Path(options.write).is_file() else ""
        _, mark, words = before.partition(f"\n{FOLLOWS}")
        Path(options.write).write_text(page(report) + mark + words, encoding="utf-8")
    return 1 if report["below"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=SETS)
    parser.add_argument("--most", type=int, default=120, help="questions of each set at most; 0 is all")
    parser.add_argument("--documents", type=int, default=100, help="of kb_docs, spread over the set; 0 is all")
    parser.add_argument("--store", default="weaviate", choices=["weaviate", "chroma", "faiss"])
    parser.add_argument("--only", nargs="*", default=[], help="searches beside the hybrid; all without")
    parser.add_argument("--reader", type=int, default=24, metavar="N", help="the reader as a judge, for N questions")
    parser.add_argument("--reranker", default="", help="a cross-encoder as knowledge.reranker names it, likewise")
    parser.add_argument("--vectors", default="", help="a folder that keeps the vectors, so that a second run is quick")
    parser.add_argument("--write", default="", help="the page to write")
    return parser.parse_args()


def _embeddings(settings: Any) -> Any:
    from assistant.knowledge.embedding import LocalEmbeddings
    from assistant.models import ensure

    return LocalEmbeddings(ensure("all-minilm-l6-v2", settings), settings)


def _measure(options: argparse.Namespace, settings: Any, model: Any, store: Any) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for name in options.sets:
        for pool in load(name, _splitter(model, settings), options.most, documents=options.documents):
            rows += _one_pool(pool, options, settings, model, store)
    below = [
        f"{row['set']}: {BASE} is {-row['difference']:.4f} below {row['name']}"
        for row in rows
        if row["name"] in HALVES and row["difference"] > 0
    ]
    about = {
        "asked": " ".join(_without(sys.argv[1:], "--vectors")),
        "store": f"{store.kind} {store.version}",
        "alpha": settings.knowledge.alpha,
        "chunk_tokens": _tokens(settings),
    }
    return {**about, "model": settings.models.embedding, "rows": rows, "below": below}


def _without(words: list[str], option: str) -> list[str]:
    """A command line without an option that changes nothing but its speed."""
    place = words.index(option) if option in words else len(words)
    return words[:place] + words[place + 2 :]


def _tokens(settings: Any) -> str:
    return f"{settings.knowledge.chunk_tokens}+{settings.knowledge.chunk_overlap}"


def _splitter(model: Any, settings: Any) -> Callable[[str, str, str], list[Any]]:
    from assistant.knowledge.chunking import Sizes, split
    from assistant.knowledge.types import Loaded

    sizes = Sizes(settings.knowledge.chunk_tokens, settings.knowledge.chunk_overlap)

    def cut(text: str, name: str, title: str) -> list[Any]:
        kind = "text/markdown" if "/" in name else "text/plain"
        return split(
            Loaded(text, title, kind), str(uuid.uuid5(uuid.NAMESPACE_URL, name)), name, sizes, model.token_starts
        )

    return cut


def _one_pool(pool: Pool, options: argparse.Namespace, settings: Any, model: Any, store: Any) -> list[dict[str, Any]]:
    print(f"{pool.name}: {len(pool.chunks)} chunks, {len(pool.questions)} questions", file=sys.stderr, flush=True)
    vectors = _vectors(pool, options.vectors, model)
    store.put(pool.name, pool.chunks, vectors)
    names = [chunk.chunk_id for chunk in pool.chunks]
    gold = [{names[place] for place in question.gold} for question in pool.questions]
    measured = {}
    for name, ranker in rankers(pool, options, settings, model, store).items():
        if options.only and name not in (BASE, *options.only):
            continue
        began = time.perf_counter()
        asked = pool.questions[: options.reader] if name == READER else pool.questions
        found = [ranker(question.text) for question in asked]
        milliseconds = 1000 * (time.perf_counter() - began) / max(1, len(found))
        measured[name] = (found, milliseconds)
    base = np.array([ndcg(ids, right) for ids, right in zip(measured[BASE][0], gold, strict=True)])
    store.drop(pool.name)
    return [_row(pool, name, found, gold, base, spent) for name, (found, spent) in measured.items()]


def _vectors(pool: Pool, folder: str, model: Any) -> Any:
    from assistant.knowledge.indexing import embedded_text

    texts = [embedded_text(chunk) for chunk in pool.chunks]
    if not folder:
        return model.embed(texts)
    parts = []
    for start in range(0, len(texts), 256):
        key = uuid.uuid5(uuid.NAMESPACE_URL, model.fingerprint + "\0".join(texts[start : start + 256]))
        file = Path(folder) / f"{key}.npy"
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, model.embed(texts[start : start + 256]))
        parts.append(np.load(file))
    return np.concatenate(parts)


def rankers(pool: Pool, options: argparse.Namespace, settings: Any, model: Any, store: Any) -> dict[str, Ranker]:
    """Every way to search, by its name in the table."""
    from assistant.knowledge.search import Plan, find

    alpha = settings.knowledge.alpha
    plans = {
        "BM25": Plan(0.0),
        "vectors": Plan(1.0),
        BASE: Plan(alpha),
        "hybrid + MMR 0.3": Plan(alpha, diversity=0.3),
        "hybrid + rewriting": Plan(alpha, rewrite=True),
        "hybrid + decomposition": Plan(alpha, decompose=True),
        **{f"hybrid + {name}": Plan(alpha, reranker=one) for name, one in _rerankers(options, settings).items()},
        **{f"share {share}": Plan(share) for share in SHARES if share != alpha},
    }

    def ranker(plan: Plan) -> Ranker:
        return lambda question: [hit.chunk.chunk_id for hit in find(store, model, pool.name, question, K, plan)]

    return {"TF-IDF": _tfidf(pool)} | {name: ranker(plan) for name, plan in plans.items()}


def _rerankers(options: argparse.Namespace, settings: Any) -> dict[str, Any]:
    from assistant.knowledge.reranking import open_reranker

    found = {READER.removeprefix(f"{BASE} + "): _Reader(settings)} if options.reader else {}
    if options.reranker:
        changed = settings.knowledge.model_copy(update={"reranker": options.reranker})
        found["the reranker"] = open_reranker(settings.model_copy(update={"knowledge": changed}))
    return found


class _Reader:
    """The reader that ships as a judge of pairs: how likely a passage answers the question."""

    def __init__(self, settings: Any) -> None:
        from assistant.evidence.reader import TunedReader
        from assistant.models import ensure

        self.reader = TunedReader(ensure("all-minilm-l6-v2", settings), settings)

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        chances = np.clip([one.answerable for one in self.reader.read(question, texts)], 1e-6, 1 - 1e-6)
        scores: list[float] = np.log(chances / (1 - chances)).tolist()
        return scores


def _tfidf(pool: Pool) -> Ranker:
    from sklearn.feature_extraction.text import TfidfVectorizer

    from assistant.knowledge.indexing import embedded_text

    maker = TfidfVectorizer(sublinear_tf=True)
    matrix = maker.fit_transform([embedded_text(chunk) for chunk in pool.chunks])

    def rank(question: str) -> list[str]:
        scores = (matrix @ maker.transform([question]).T).toarray().ravel()
        return [pool.chunks[place].chunk_id for place in np.argsort(-scores, kind="stable")[:K]]

    return rank


def ndcg(found: list[str], gold: set[str]) -> float:
    """nDCG@10 with gain 1 for each relevant chunk."""
    gains = sum(1 / np.log2(place + 2) for place, name in enumerate(found[:K]) if name in gold)
    return float(gains / sum(1 / np.log2(place + 2) for place in range(min(K, len(gold)))))


def _row(
    pool: Pool, name: str, found: list[list[str]], gold: list[set[str]], base: Any, milliseconds: float
) -> dict[str, Any]:
    gold, base = gold[: len(found)], base[: len(found)]
    own = np.array([ndcg(ids, right) for ids, right in zip(found, gold, strict=True)])
    low, high = _interval(own - base)
    recalls = {
        f"recall@{k}": round(float(np.mean([len(set(ids[:k]) & right) / min(len(right), k) for ids, right in
                                            zip(found, gold, strict=True)])), 4)
        for k in (3, K)
    }  # fmt: skip
    return {
        "set": pool.name,
        "chunks": len(pool.chunks),
        "questions": len(gold),
        "name": name,
        "ndcg": round(float(own.mean()), 4),
        **recalls,
        "difference": round(float((own - base).mean()), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "milliseconds": round(milliseconds, 1),
    }


def _interval(differences: Any, times: int = 5000) -> tuple[float, float]:
    """95 % of the bootstrap's means, the same for the same numbers."""
    chance = np.random.default_rng(13)
    means = differences[chance.integers(0, len(differences), (times, len(differences)))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    raise SystemExit(main())
