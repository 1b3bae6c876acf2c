"""The development sets of `bench/retrieval.py`: chunks to search, questions, and which chunks answer each.

`rag_chunk`   three corpora with gold character spans; a chunk is relevant that holds half of a gold span
`kb_docs`     headings of the documents of public projects asked as questions; relevant are the chunks below them
`own_docs`    the questions of `docs/questions.jsonl` over the project's documentation; relevant are the chunks that
              hold the section they name
`multi`       questions over several passages (HotpotQA, 2Wiki, MuSiQue), all passages in one pool
"""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.kb_docs import ROOT
from bench.kb_docs import rows as kb_rows

Splitter = Callable[[str, str, str], list[Any]]
"""Text, document id and title to chunks."""


@dataclass(frozen=True)
class Question:
    """A question and the places of the chunks that answer it."""

    text: str
    gold: frozenset[int]


@dataclass(frozen=True)
class Pool:
    """One development set."""

    name: str
    chunks: list[Any]
    questions: list[Question]


def load(name: str, split: Splitter, most: int, seed: int = 7, documents: int = 0) -> list[Pool]:
    """The pools of a set with at most `most` questions each (0: all), the same ones for a seed.

    `documents` bounds those of `kb_docs`.
    """
    makers: dict[str, Callable[[], list[Pool]]] = {
        "rag_chunk": lambda: _rag_chunk(split), "own_docs": lambda: _own_docs(split),
        "kb_docs": lambda: _kb_docs(split, documents), "multi": lambda: _multi(split, most),
    }  # fmt: skip
    pools = makers[name]()
    return [Pool(pool.name, pool.chunks, _some(pool.questions, most, seed)) for pool in pools]


def _some(questions: list[Question], most: int, seed: int) -> list[Question]:
    if not most or len(questions) <= most:
        return questions
    return random.Random(seed).sample(questions, most)  # noqa: S311 - a sample that can be drawn again


def _data(name: str) -> list[dict[str, Any]]:
    file = Path(os.environ.get("CROSSROADS_DATA") or ROOT.parent / "shared" / "data") / name
    if not file.is_file():
        raise SystemExit(f"{file} is missing; set CROSSROADS_DATA to the folder of the public data sets.")
    data = gzip.decompress(file.read_bytes()) if name.endswith(".gz") else file.read_bytes()
    return [json.loads(line) for line in data.decode().splitlines()]


def _rag_chunk(split: Splitter) -> list[Pool]:
    pools = []
    asked = _data("rag_chunk_questions.jsonl")
    for corpus in _data("rag_chunk_corpora.jsonl.gz"):
        name = corpus["corpus_id"]
        chunks = split(corpus["text"], name, name)
        questions = [
            Question(row["question"], _holding(chunks, [(r["start_index"], r["end_index"]) for r in row["references"]]))
            for row in asked
            if row["corpus_id"] == name
        ]
        pools.append(Pool(f"rag_chunk_{name}", chunks, [one for one in questions if one.gold]))
    return pools


def _holding(chunks: Sequence[Any], spans: Sequence[tuple[int, int]]) -> frozenset[int]:
    def shared(chunk: Any, span: tuple[int, int]) -> int:
        return min(chunk.end, span[1]) - max(chunk.start, span[0])

    return frozenset(
        place
        for place, chunk in enumerate(chunks)
        if any(2 * shared(chunk, span) >= min(span[1] - span[0], chunk.end - chunk.start) for span in spans)
    )


def _kb_docs(split: Splitter, documents: int) -> list[Pool]:
    chunks: list[Any] = []
    below: dict[str, set[int]] = {}
    for row in kb_rows(documents):
        for chunk in split(row["text"], row["id"], row["title"]):
            heading = chunk.heading.split(" › ")[-1].strip()
            if len(heading.split()) >= 3:
                below.setdefault(f"{row['id']}\0{heading}", set()).add(len(chunks))
            chunks.append(chunk)
    times: dict[str, int] = {}
    for key in below:
        heading = key.split("\0")[1]
        times[heading] = times.get(heading, 0) + 1
    questions = [
        Question(f"What does it say about {key.split(chr(0))[1]}?", frozenset(places))
        for key, places in below.items()
        if times[key.split("\0")[1]] == 1  # a heading of several documents asks for none of them
    ]
    return [Pool("kb_docs", chunks, questions)]


def _own_docs(split: Splitter) -> list[Pool]:
    chunks: list[Any] = []
    for path in sorted((ROOT / "docs").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        title = text.removeprefix("# ").partition("\n")[0]
        chunks += split(text, path.relative_to(ROOT).as_posix(), title)
    questions = []
    for line in (ROOT / "docs" / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        gold = _sections(chunks, row["metadata"]["source"], row["metadata"]["heading"])
        if gold:
            questions.append(Question(row["input"], gold))
    return [Pool("own_docs", chunks, questions)]


def _sections(chunks: Sequence[Any], page: str, heading: str) -> frozenset[int]:
    return frozenset(
        place
        for place, chunk in enumerate(chunks)
        if chunk.source.endswith(page) and heading in (chunk.title, *chunk.heading.split(" › "))
    )


def _multi(split: Splitter, most: int) -> list[Pool]:
    rows = _data("qa_multi_passage_train.jsonl.gz")
    rows = random.Random(7).sample(rows, min(len(rows), 2 * most or len(rows)))  # noqa: S311
    chunks: list[Any] = []
    places: dict[str, list[int]] = {}
    questions = []
    for row in rows:
        gold: set[int] = set()
        for number, passage in enumerate(row["passages"]):
            text = passage["text"]
            if text not in places:
                made = split(text, f"p{len(places)}", passage["title"])
                places[text] = list(range(len(chunks), len(chunks) + len(made)))
                chunks += made
            if number in row["gold"]:
                gold.update(places[text])
        if gold:
            questions.append(Question(row["question"], frozenset(gold)))
    return [Pool("multi", chunks, questions)]
