"""Which way of splitting finds the passages people marked? Recall, precision and IoU over characters.

    python bench/chunking.py --corpora state_of_the_union --questions 20 --ways "ours 200+30" "recursive 800+100"
    python bench/chunking.py --write docs/chunking.md    the real one, on all three corpora; writes the table

Every way splits the same corpora (`rag_chunk_corpora`, 319 questions with gold character spans), the product's own
embedding model ranks the chunks of the question's corpus by cosine, and the `--k` best are what is retrieved. Over
characters: recall is the share of the gold spans that was retrieved, precision the share of what was retrieved that is
gold, IoU what both share of what either has (Smith and Troynikov, "Evaluating Chunking Strategies for Retrieval",
2024). "ours T+O" is the product's splitter at T tokens with O tokens of overlap; "around N" adds N tokens of the
document to both sides of what was found, as context at answer time; "recursive C+O" is LangChain's
RecursiveCharacterTextSplitter at C characters. Intervals are a bootstrap over questions (95 %); differences to the
default are paired.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

Span = tuple[int, int]
DEFAULT = "ours 200+30"
WAYS = (
    "ours 50+0", "ours 100+0", "ours 100+20", DEFAULT, "ours 200+0", "ours 300+45", "ours 400+60",
    "ours 100+20 around 50", "ours 200+30 around 50", "ours 200+30 around 100",
    "recursive 200+0", "recursive 400+0", "recursive 400+100", "recursive 800+0", "recursive 800+100",
    "recursive 1200+200",
)  # fmt: skip
MEASURES = ("recall", "precision", "iou")


def main() -> None:
    options = _options()
    corpora, questions = _data(options)
    model = _model()
    values: dict[str, Any] = {}
    for way in options.ways:
        values[way] = _measure(way, corpora, questions, model, options.k)
        row = values[way]
        print(f"{way:24}" + "".join(f"  {name} {row[name].mean():.3f}" for name in MEASURES), flush=True)
    report = {"corpora": list(corpora), **_report(values, options.k, len(questions))}
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.write:
        Path(options.write).write_text(page(report), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", nargs="*", default=["state_of_the_union", "wikitexts", "pubmed"])
    parser.add_argument("--questions", type=int, default=0, help="of each corpus; 0 takes all")
    parser.add_argument("--ways", nargs="*", default=list(WAYS))
    parser.add_argument("--k", type=int, default=5, help="passages retrieved for a question")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--write", metavar="PAGE")
    return parser.parse_args()


def _data(options: argparse.Namespace) -> tuple[dict[str, str], list[dict[str, Any]]]:
    folder = Path(os.environ.get("CROSSROADS_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "rag_chunk_corpora.jsonl.gz").exists():
        raise SystemExit(
            f"no rag_chunk_corpora in {str(folder)!r}: set CROSSROADS_DATA to the folder with the data sets"
        )
    with gzip.open(folder / "rag_chunk_corpora.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    corpora = {row["corpus_id"]: row["text"] for row in rows if row["corpus_id"] in options.corpora}
    asked = [json.loads(line) for line in (folder / "rag_chunk_questions.jsonl").open(encoding="utf-8")]
    chosen = [[one for one in asked if one["corpus_id"] == name] for name in corpora]
    return corpora, [one for some in chosen for one in (some[: options.questions] if options.questions else some)]


def _model() -> Any:
    from assistant.config import load_settings
    from assistant.knowledge.embedding import LocalEmbeddings
    from assistant.models import ensure

    settings = load_settings({})
    return LocalEmbeddings(ensure("all-minilm-l6-v2", settings), settings)


def _measure(
    way: str, corpora: dict[str, str], questions: list[dict[str, Any]], model: Any, k: int
) -> dict[str, np.ndarray]:
    spans = {name: _split(way, text, model) for name, text in corpora.items()}
    vectors = {name: model.embed([corpora[name][a:b] for a, b in found]) for name, found in spans.items()}
    asked = model.embed([one["question"] for one in questions])
    around = re.search(r"around (\d+)", way)
    scores = []
    for one, vector in zip(questions, asked, strict=True):
        name = one["corpus_id"]
        best = np.argsort(-(vectors[name] @ vector))[:k]
        found = [spans[name][index] for index in best]
        if around:
            found = _around(corpora[name], found, int(around[1]), model)
        gold = [(reference["start_index"], reference["end_index"]) for reference in one["references"]]
        scores.append(_overlap(found, gold))
    return {name: np.array([score[index] for score in scores]) for index, name in enumerate(MEASURES)}


def _split(way: str, text: str, model: Any) -> list[Span]:
    """The chunks of a way, as spans of the text."""
    size, overlap = (int(number) for number in re.findall(r"(\d+)\+(\d+)", way)[0])
    if way.startswith("ours"):
        from assistant.knowledge.chunking import Sizes, split
        from assistant.knowledge.types import Loaded

        loaded = Loaded(text, "", "text/plain")
        chunks = split(loaded, "12345678-1234-5678-1234-567812345678", "", Sizes(size, overlap), model.token_starts)
        return [(chunk.start, chunk.end) for chunk in chunks]
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=overlap, add_start_index=True)
    documents = splitter.create_documents([text])
    starts = [(document.metadata["start_index"], len(document.page_content)) for document in documents]
    return [(start, start + length) for start, length in starts]


def _around(text: str, found: Sequence[Span], tokens: int, model: Any) -> list[Span]:
    """The spans with so many tokens of the document more on both sides."""
    reach = tokens * 12  # no more characters than this hold so many tokens
    wide = []
    for start, end in found:
        before, after = max(0, start - reach), min(len(text), end + reach)
        left, right = model.token_starts(text[before:start]), model.token_starts(text[end:after])
        low = before + left[-tokens] if len(left) >= tokens else before
        high = end + right[tokens] if len(right) > tokens else after
        wide.append((low, high))
    return wide


def _overlap(found: Sequence[Span], gold: Sequence[Span]) -> tuple[float, float, float]:
    """Recall, precision and IoU over characters; what two chunks share counts once."""
    have, want = _characters(found), _characters(gold)
    both = len(have & want)
    return both / len(want), both / len(have), both / len(have | want)


def _characters(spans: Sequence[Span]) -> set[int]:
    return {place for start, end in spans for place in range(start, end)}


def _interval(values: np.ndarray) -> tuple[float, float]:
    """95 % of the bootstrap's means, the same for the same numbers."""
    chance = np.random.default_rng(7)
    means = values[chance.integers(0, len(values), (2000, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _report(values: dict[str, Any], k: int, questions: int) -> dict[str, Any]:
    base: Callable[[str], Any] = lambda name: values[DEFAULT][name] if DEFAULT in values else None  # noqa: E731
    rows = []
    for way, measured in values.items():
        row: dict[str, Any] = {"way": way}
        for name in MEASURES:
            low, high = _interval(measured[name])
            row[name] = {"value": float(measured[name].mean()), "low": low, "high": high}
            if base(name) is not None and way != DEFAULT:
                low, high = _interval(measured[name] - base(name))
                mean = float((measured[name] - base(name)).mean())
                row[name]["difference"] = {"value": mean, "low": low, "high": high}
        rows.append(row)
    return {"k": k, "questions": questions, "rows": rows}


def page(report: dict[str, Any]) -> str:
    """The measurement as a page in Markdown."""
    lines = [
        "# How documents are split, measured",
        "",
        f"`bench/chunking.py` wrote this on {', '.join(report['corpora'])}: {report['questions']} questions, the "
        f"{report['k']} best passages of each by the embedding model alone; recall, precision and IoU over characters "
        f"with 95 % intervals, and the differences to “{DEFAULT}” (200 tokens, 30 of overlap), paired. A way of "
        "splitting is better where the difference's interval lies above zero. “around 50” adds 50 tokens of the "
        "document to both sides of what was found (the setting `knowledge.context_tokens`); “recursive” is LangChain's "
        "RecursiveCharacterTextSplitter, in characters.",
        "",
        "| way | recall | precision | IoU | difference in recall | difference in IoU |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        cells = [_cell(row[name]) for name in MEASURES]
        for name in ("recall", "iou"):
            cells.append(_cell(row[name]["difference"], "+") if "difference" in row[name] else "")
        lines.append(f"| {row['way']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(value: dict[str, float], sign: str = "") -> str:
    return f"{value['value']:{sign}.3f} ({value['low']:{sign}.3f} to {value['high']:{sign}.3f})"


if __name__ == "__main__":
    main()
