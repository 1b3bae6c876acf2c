"""Reading what a search found: by the trained reader, by meaning, and by both as the graph does (`read_found`).

    python bench/reading.py --share 0.1     a dry run
    python bench/reading.py                 all rows, some ten minutes on two cores

Questions that Wikipedia articles in a home of 118 documents answer and do not (`eval/mixed/rows.py`, both parts; the
weights of `read_found` were chosen looking at these and the next), and the documentation's own. `answered` is the
share whose best passage clears the bar, `right` the share whose quotation then holds the answer, or shares its first
60 characters with the gold paragraph.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.mixed_home import mixed_home  # noqa: E402
from eval.mixed.rows import SIZES, mixed  # noqa: E402
from eval.mixed.table import share  # noqa: E402
from eval.squad import normalise  # noqa: E402
from graphs.answer import Passage  # noqa: E402
from graphs.evidence import widen  # noqa: E402
from graphs.reading import read_by_meaning, read_found  # noqa: E402

KINDS = ("answerable", "unanswerable")
Ask = tuple[str, str, Callable[[str], bool]]
"""Kind, question, and whether a quotation is right."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the questions")
    parser.add_argument("--home", type=Path, default=Path("runs/mixed-home"))
    options = parser.parse_args()
    with mixed_home(options.home.absolute()) as assistant:
        judged = _judge(assistant, _articles(options.share))
    with tempfile.TemporaryDirectory() as home:
        from assistant.app import open_assistant
        from assistant.config import load_settings

        with open_assistant(load_settings({"home": home, "store.linger": 1.0})) as assistant:
            assistant.documentation.get()
            judged |= _judge(assistant, _own(options.share))
    print(json.dumps(judged, indent=1, ensure_ascii=False))
    return 0


def _articles(part_of: float) -> list[Ask]:
    sizes: dict[Any, int] = {kind: round(part_of * size) if kind in KINDS else 0 for kind, size in SIZES.items()}
    samples = [sample for part in ("train", "dev") for sample in mixed(part, sizes)]
    return [(str(one.metadata["kind"]), one.input, _holds(one.target)) for one in samples]


def _holds(target: Any) -> Callable[[str], bool]:
    targets = [normalise(one) for one in ([target] if isinstance(target, str) else target or [])]
    return lambda text: any(f" {one} " in f" {normalise(text)} " for one in targets if one)


def _own(part_of: float) -> list[Ask]:
    rows = [json.loads(line) for line in (ROOT / "docs" / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = rows[: max(1, round(part_of * len(rows)))]
    kinds = {True: "documentation, answerable", False: "documentation, unanswerable"}
    return [
        (kinds[row["metadata"]["answerable"]], row["input"], _is_of(row["metadata"].get("evidence") or ""))
        for row in rows
    ]


def _is_of(gold: str) -> Callable[[str], bool]:
    said = " ".join(gold.split())

    def right(text: str) -> bool:
        quoted = " ".join(text.split())
        return bool(quoted) and (quoted[:60] in said or said[:60] in quoted)

    return right


def _judge(assistant: Any, asked: list[Ask]) -> dict[str, Any]:
    encoder, reader = assistant.resources.embeddings.get(), assistant.resources.reader.get()
    retriever = assistant.knowledge.retriever()
    found: dict[str, dict[str, list[tuple[bool, bool]]]] = {}
    for kind, question, right in asked:
        passages = [Passage(text=one.page_content, **one.metadata) for one in retriever.invoke(question)]
        ways = {
            "reader": reader.read(question, [passage.text for passage in passages]),
            "meaning": read_by_meaning(question, passages, encoder),
            "both": read_found(question, passages, encoder, reader),
        }
        for way, readings in ways.items():
            text, one = max(zip(passages, readings, strict=True), key=lambda pair: pair[1].answerable)
            low, high = widen(text.text, one.start, one.end)
            answered = one.answerable >= 0.5
            told = found.setdefault(kind, {}).setdefault(way, [])
            told.append((answered, answered and right(text.text[low:high])))
    return {kind: {way: _shares(rows) for way, rows in ways.items()} for kind, ways in found.items()}


def _shares(rows: list[tuple[bool, bool]]) -> dict[str, Any]:
    told = {name: str(share([row[place] for row in rows])) for place, name in enumerate(("answered", "right"))}
    return {"n": len(rows), **told}


if __name__ == "__main__":
    raise SystemExit(main())
