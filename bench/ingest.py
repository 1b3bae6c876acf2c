"""How fast are documents taken in, beside a plain LangChain pipeline? Same documents, same model, same store, one run.

    python bench/ingest.py --limit 20 --rounds 1      a dry run
    python bench/ingest.py --limit 200                the real one

Plain is what a tutorial builds: TextLoader, RecursiveCharacterTextSplitter, the same MiniLM through torch and
transformers in batches of 32 sorted by length (what sentence-transformers does), and batches of 100 into the same
kind of store. Ours is `KnowledgeBase.ingest`: sniffing, hashing, originals kept, chunks by structure, embedding in
OpenVINO, a catalogue that survives a kill. Both models are loaded before the clock starts; the pipelines take turns.
Chunks differ in size, so characters a second are given too. On a machine with other work, processor seconds (of this
process and its parsers, not of the store) compare better than the clock; set OMP_NUM_THREADS=1 then, for threads of
torch that wait for each other count as busy. Needs the extra `eval` (langchain-community).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.kb_docs import rows, write  # noqa: E402


@dataclass(frozen=True)
class Taken:
    """What one pipeline took in, in how many seconds."""

    chunks: int
    characters: int
    seconds: float
    processor: float
    """Seconds of processor time."""

    @property
    def chunk_rate(self) -> float:
        return self.chunks / self.seconds

    @property
    def character_rate(self) -> float:
        return self.characters / self.seconds


def main() -> None:
    options = _options()
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        paths = write(folder / "docs", rows(options.limit))
        ours, plain = _Ours(folder, options.store), _Plain(folder, options.store)
        taken: dict[str, list[Taken]] = {"crossroads": [], "plain": []}
        for number in range(options.rounds):
            taken["crossroads"].append(ours.run(paths, number))
            taken["plain"].append(plain.run(paths, number))
            _tell(taken, number)
        store = ours.kind
        cosine = _cosine(ours, plain, paths)
    report = {"documents": len(paths), "rounds": options.rounds, "store": store, **_report(taken), **cosine}
    _print(report)
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _cosine(ours: _Ours, plain: _Plain, paths: list[Path]) -> dict[str, float]:
    """How near our vectors are to those of the plain pipeline, for the same texts."""
    texts = [text for path in paths[:100] if (text := path.read_text(encoding="utf-8")[:800].strip())]
    cosines = (ours.embeddings.embed(texts) * plain._embed(texts)).sum(axis=1)
    return {"cosine_least": round(float(cosines.min()), 4), "cosine_mean": round(float(cosines.mean()), 4)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--limit", type=int, default=200, help="documents; 0 takes all 993")
    parser.add_argument("--rounds", type=int, default=3, help="times each pipeline runs")
    parser.add_argument("--store", choices=["auto", "weaviate", "chroma"], default="auto")
    parser.add_argument("--json", metavar="FILE", help="write the numbers here, too")
    return parser.parse_args()


def _settings(home: Path, store: str) -> Any:
    from assistant.config import load_settings

    return load_settings({"home": str(home), "store.kind": store, "store.linger": 1})


def _folder(settings: Any) -> Path:
    from assistant.models import ensure

    return ensure("all-minilm-l6-v2", settings)


class _Ours:
    def __init__(self, folder: Path, store: str) -> None:
        from assistant.knowledge.embedding import LocalEmbeddings

        self.folder, self.store, self.kind = folder, store, ""
        settings = _settings(folder / "ours", store)
        self.embeddings = LocalEmbeddings(_folder(settings), settings)
        self.embeddings.warm()

    def run(self, paths: list[Path], number: int) -> Taken:
        from assistant.knowledge.base import open_knowledge

        self.embeddings.forget()  # else the second round would find the vectors of the first
        with open_knowledge(_settings(self.folder / f"ours-{number}", self.store), self.embeddings) as knowledge:
            began, used = time.perf_counter(), _processor()
            report = knowledge.ingest(paths)
            seconds, used = time.perf_counter() - began, _processor() - used
            if report.failed:
                raise SystemExit(f"{len(report.failed)} documents failed, the first: {report.failed[0]}")
            self.kind = knowledge.store.kind
            return Taken(report.chunks, sum(info.characters for info in knowledge.documents()), seconds, used)


class _Plain:
    def __init__(self, folder: Path, store: str) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        self.folder, self.store = folder, store
        model = _folder(_settings(folder / "plain", store))
        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = AutoModel.from_pretrained(model).to(self.device).eval()

    def run(self, paths: list[Path], number: int) -> Taken:
        from langchain_community.document_loaders import TextLoader
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        from assistant.knowledge.stores import open_store

        settings = _settings(self.folder / f"plain-{number}", self.store)
        store = open_store(settings, fingerprint="plain", dimensions=384)
        try:
            began, used = time.perf_counter(), _processor()
            documents = [document for path in paths for document in TextLoader(path, encoding="utf-8").load()]
            splitter = RecursiveCharacterTextSplitter(chunk_size=800, chunk_overlap=100, add_start_index=True)
            chunks = splitter.split_documents(documents)
            vectors = self._embed([chunk.page_content for chunk in chunks])
            self._store(store, chunks, vectors)
            seconds, used = time.perf_counter() - began, _processor() - used
        finally:
            store.close()
        return Taken(len(chunks), sum(len(document.page_content) for document in documents), seconds, used)

    def _embed(self, texts: list[str]) -> Any:
        import numpy as np
        import torch

        vectors = np.zeros((len(texts), 384), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        for start in range(0, len(order), 32):
            chosen = order[start : start + 32]
            batch = self.tokenizer(
                [texts[index] for index in chosen], padding=True, truncation=True, max_length=256, return_tensors="pt"
            ).to(self.device)
            with torch.inference_mode():
                hidden = self.model(**batch).last_hidden_state
                weights = batch["attention_mask"].unsqueeze(-1).float()
                pooled = (hidden * weights).sum(1) / weights.sum(1)
                vectors[chosen] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors

    @staticmethod
    def _store(store: Any, documents: list[Any], vectors: Any) -> None:
        import uuid

        from assistant.knowledge.types import Chunk

        chunks = [
            Chunk(
                chunk_id=str(uuid.uuid4()),
                document_id=str(uuid.uuid5(uuid.NAMESPACE_URL, document.metadata["source"])),
                source=document.metadata["source"],
                title=Path(document.metadata["source"]).name,
                text=document.page_content,
                start=document.metadata["start_index"],
                end=document.metadata["start_index"] + len(document.page_content),
            )
            for document in documents
        ]
        for start in range(0, len(chunks), 100):
            store.put("documents", chunks[start : start + 100], vectors[start : start + 100])


def _processor() -> float:
    """Processor seconds of this process and of its parsers so far."""
    mine, children = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine + children.ru_utime + children.ru_stime


def _tell(taken: dict[str, list[Taken]], number: int) -> None:
    now = ", ".join(f"{name} {runs[-1].chunk_rate:.1f} chunks/s" for name, runs in taken.items())
    print(f"round {number + 1}: {now}", file=sys.stderr, flush=True)


def _report(taken: dict[str, list[Taken]]) -> dict[str, Any]:
    pairs = list(zip(taken["crossroads"], taken["plain"], strict=True))
    report: dict[str, Any] = {
        name: {
            "chunks": runs[0].chunks,
            "characters": runs[0].characters,
            "seconds": round(statistics.median(run.seconds for run in runs), 2),
            "processor_seconds": round(statistics.median(run.processor for run in runs), 2),
            "chunks_per_second": round(statistics.median(run.chunk_rate for run in runs), 2),
            "characters_per_second": round(statistics.median(run.character_rate for run in runs)),
        }
        for name, runs in taken.items()
    }
    report["ratio_chunks"] = round(statistics.median(a.chunk_rate / b.chunk_rate for a, b in pairs), 2)
    report["ratio_characters"] = round(statistics.median(a.character_rate / b.character_rate for a, b in pairs), 2)
    by_processor = statistics.median((a.characters / a.processor) / (b.characters / b.processor) for a, b in pairs)
    report["ratio_characters_by_processor_time"] = round(by_processor, 2)
    return report


def _print(report: dict[str, Any]) -> None:
    print(
        f"{report['documents']} documents into {report['store']}, median of {report['rounds']}, {os.cpu_count()} cores"
    )
    print(f"{'':12}{'chunks':>8}{'seconds':>10}{'chunks/s':>10}{'chars/s':>10}")
    for name in ("crossroads", "plain"):
        row = report[name]
        rates = f"{row['chunks_per_second']:>10.1f}{row['characters_per_second']:>10,}"
        print(f"{name:12}{row['chunks']:>8}{row['seconds']:>10.1f}{rates}")
    print(f"cosine of the vectors: {report['cosine_least']} at least, {report['cosine_mean']} on average")
    print(f"crossroads / plain: {report['ratio_chunks']} in chunks/s, {report['ratio_characters']} in characters/s")
    by_processor = report["ratio_characters_by_processor_time"]
    print(f"in characters for each second of processor time, the store's not counted: {by_processor}")


if __name__ == "__main__":
    main()
