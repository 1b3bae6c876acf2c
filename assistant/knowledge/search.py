"""Find passages: a question in its parts, both halves of the store, hits that differ, and a second look at the best.

Which of these steps are on by default was measured by `bench/retrieval.py`; docs/retrieval-quality.md has the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from langchain_core.embeddings import Embeddings

from assistant.knowledge.indexing import embed
from assistant.knowledge.stores.hybrid import NOTHING, fuse
from assistant.knowledge.types import ChunkStore, Hit, Where
from graphs.words import coverage

DEPTH = 4
"""How many times `k` candidates are taken where a later step chooses among them."""
_GREETING = r"(?:(?:hi|hello|hey|please|well|so|ok(?:ay)?)\b[,!.]?\s*)*"
_PLEASE = (
    r"(?:can|could|would|will) you (?:please )?(?:tell|show|explain to|give) me\s*|tell me\s*|do you know\s*"
    r"|i(?:'d| would) like to know\s*"
    r"|what (?:does|do|is|are) (?:it|the documents?|the documentation) say(?:ing)? about\s*"
)
_SMALL_TALK = re.compile(f"^{_GREETING}(?:{_PLEASE})?", re.I)
_ASKING = r"(?:what|who|whom|whose|when|where|which|why|how|is|are|was|were|do|does|did|can|could|should|will)\b"
_NEXT_QUESTION = re.compile(rf"(?<=\?)\s+(?=\S)|\s*[;,]?\s+and\s+(?:also\s+)?(?={_ASKING})|;\s+(?={_ASKING})", re.I)
_EITHER = re.compile(r"^(?P<front>.+?[,:])\s*(?P<one>[^,:?]{2,80}?),?\s+or\s+(?P<other>[^,?]{2,80})\?*\s*$", re.I)
_BETWEEN = re.compile(
    r"^(?P<front>.*\b(?:between|compare)\b)\s+(?P<one>[^,?]{2,80}?)\s+(?:and|with|to)\s+(?P<other>[^,?]{2,80})", re.I
)


class Reranker(Protocol):
    """Judges pairs of a question and a passage."""

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """One number for each text; more is better."""
        ...


@dataclass(frozen=True)
class Plan:
    """Which steps a search takes."""

    alpha: float
    """Share of the vectors; 0 is words alone."""
    diversity: float = 0.0
    """Maximal marginal relevance: 0 is off, towards 1 passages like one chosen before count less."""
    decompose: bool = False
    """Whether a question of several parts is searched part by part as well."""
    rewrite: bool = False
    """Whether small talk around the question is left out of the search."""
    reranker: Reranker | None = None


def find(
    store: ChunkStore,
    embeddings: Embeddings,
    collection: str,
    question: str,
    k: int,
    plan: Plan,
    where: Where = NOTHING,
) -> list[Hit]:
    """The best `k` passages, best first. Raises `StoreError`."""
    asked = rewritten(question) if plan.rewrite else question
    texts = [asked, *(parts(asked) if plan.decompose else [])]
    vectors = embed(embeddings, texts)
    depth = k * DEPTH if plan.diversity or plan.reranker or len(texts) > 1 else k
    lists = [
        store.search(collection, text, vector, depth, plan.alpha, where)
        for text, vector in zip(texts, vectors, strict=True)
    ]
    hits = merged(lists) if len(lists) > 1 else lists[0]
    if plan.reranker:
        hits = reranked(plan.reranker, question, hits[:depth])
    return diverse(hits, k, plan.diversity) if plan.diversity else hits[:k]


def find_by_words(store: ChunkStore, collection: str, question: str, k: int, where: Where = NOTHING) -> list[Hit]:
    """The best `k` passages by BM25 alone, for when the question has no vector. Raises `StoreError`.

    Their `similarity` is the share of the question's content words they have: there is no cosine to tell.
    """
    found = store.words(collection, question, k, where)
    held = store.get(collection, list(found))
    return [
        Hit(chunk, score, coverage(question, [chunk.text, chunk.title, chunk.heading]), found[name], own)
        for name, score in fuse({}, found, 0.0).items()
        if name in held
        for chunk, own in [held[name]]
    ]


def rewritten(question: str) -> str:
    """The question without greetings and phrases such as "can you tell me"; as it is where nothing would be left."""
    rest = _SMALL_TALK.sub("", question.strip(), count=1).strip()
    return rest if len(rest.split()) >= 2 else question


def parts(question: str) -> list[str]:
    """The questions a question is made of; empty where it is one.

    Told apart are questions in a row, questions joined by "and", alternatives ("…, A or B?") and comparisons
    ("between A and B").
    """
    pieces = [piece.strip() for piece in _NEXT_QUESTION.split(question) if piece and len(piece.split()) > 1]
    if len(pieces) > 1:
        return pieces
    for pattern in (_EITHER, _BETWEEN):
        match = pattern.match(question.strip())
        if match:
            return [f"{match['front'].rstrip(',:')} {match[name].strip()}" for name in ("one", "other")]
    return []


def merged(lists: Sequence[Sequence[Hit]]) -> list[Hit]:
    """One list of several: the whole question's scores, and half of the best score a part gave."""
    whole = {hit.chunk.chunk_id: hit for hit in lists[0]}
    best: dict[str, float] = {}
    for hits in lists[1:]:
        for hit in hits:
            whole.setdefault(hit.chunk.chunk_id, replace(hit, score=0.0))
            best[hit.chunk.chunk_id] = max(best.get(hit.chunk.chunk_id, 0.0), hit.score)
    summed = [replace(hit, score=(hit.score + best.get(name, 0.0) / 2) / 1.5) for name, hit in whole.items()]
    return sorted(summed, key=lambda hit: (-hit.score, hit.chunk.chunk_id))


def diverse(hits: Sequence[Hit], k: int, diversity: float) -> list[Hit]:
    """`k` of the hits by maximal marginal relevance (Carbonell and Goldstein, 1998): good, and unlike those before."""
    left, chosen = list(hits), list[Hit]()
    likeness = np.zeros(len(left), dtype=np.float32)
    while left and len(chosen) < k:
        worth = [
            (1 - diversity) * hit.score - diversity * float(near) for hit, near in zip(left, likeness, strict=True)
        ]
        place = int(np.argmax(worth))
        chosen.append(left.pop(place))
        likeness = np.delete(likeness, place)
        newest = chosen[-1].vector
        if newest is not None and left:
            near = [float(newest @ hit.vector) if hit.vector is not None else 0.0 for hit in left]
            likeness = np.maximum(likeness, np.asarray(near, dtype=np.float32))
    return chosen


def reranked(reranker: Reranker, question: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits in the order a cross-encoder gives them, with its scores brought into 0–1."""
    if not hits:
        return []
    raw = np.asarray(reranker.score(question, [hit.chunk.text for hit in hits]), dtype=np.float64)
    scores = 1 / (1 + np.exp(-raw))
    judged = [replace(hit, score=float(score)) for hit, score in zip(hits, scores, strict=True)]
    return sorted(judged, key=lambda hit: -hit.score)
