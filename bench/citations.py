"""Does every citation resolve? The text between `start` and `end` in the stored document must be the snippet.

    python bench/citations.py --limit 20 --questions 20 --answers 3      a dry run
    python bench/citations.py                                            the real one: 200 answers over all of kb_docs

Questions are headings and titles of the documents, spread evenly. Retrieval is asked all of them, the whole assistant
(path `rag`) as many as `--answers` says. Exit 1 where one citation does not
resolve, or where there was nothing to check.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.kb_docs import rows, write  # noqa: E402


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as made:
        paths = write(Path(made) / "docs", rows(options.limit))
        with _open(Path(options.home or Path(made) / "home"), options) as assistant:
            _say(f"ingesting {len(paths)} documents")
            report = assistant.knowledge.ingest(paths)
            asked = questions(assistant.knowledge, options.questions)
            found = {
                "documents": report.documents,
                "chunks": report.chunks,
                "ingest_seconds": report.seconds,
                "retrieval": check_retrieval(assistant.knowledge, asked),
                "answers": check_answers(assistant, asked[: options.answers]),
            }
    found["passed"] = _passed(found, options)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    print(text)
    if options.json:
        Path(options.json).write_text(text + "\n", encoding="utf-8")
    return 0 if found["passed"] else 1


def questions(knowledge: Any, count: int) -> list[str]:
    """Headings of the stored documents as questions, spread evenly over them; their titles where there are too few."""
    from assistant.knowledge.structure import blocks
    from assistant.knowledge.types import Loaded

    headings: dict[str, None] = {}
    for info in knowledge.documents():
        document = knowledge.document(info.document_id)
        loaded = Loaded(document.text, info.title, info.media_type, document.pages)
        last = [block.heading.split(" › ")[-1] for block in blocks(loaded) if block.kind == "heading"]
        headings.update((f"What does it say about {heading}?", None) for heading in [*last, info.title] if heading)
    every = list(headings)
    return every[:: max(1, len(every) // count)][:count]


def check_retrieval(knowledge: Any, asked: list[str]) -> dict[str, Any]:
    """Every passage the retriever brings, against the stored text."""
    retriever = knowledge.retriever()
    wrong: list[dict[str, Any]] = []
    passages = 0
    for question in asked:
        for document in retriever.invoke(question):
            passages += 1
            place = document.metadata
            if _stored(knowledge, place["document_id"], place["start"], place["end"]) != document.page_content:
                wrong.append({"question": question, **place})
    return {"questions": len(asked), "passages": passages, "wrong": wrong}


def check_answers(assistant: Any, asked: list[str]) -> dict[str, Any]:
    """Every citation of answers of the whole assistant, against the stored text."""
    from assistant.records import Request

    kinds: Counter[str] = Counter()
    wrong: list[dict[str, Any]] = []
    began = time.monotonic()
    for number, question in enumerate(asked, start=1):
        answer = assistant.ask(Request(question=question, path="rag"))
        kinds["citations"] += len(answer.citations)
        kinds["with citations" if answer.citations else "without citations"] += 1
        kinds["abstained"] += answer.abstained
        kinds["quoted"] += answer.quoted
        for citation in answer.citations:
            stored = _stored(assistant.knowledge, citation.document_id, citation.start, citation.end)
            if stored != citation.snippet or citation.marker not in answer.text:
                wrong.append({"question": question, **citation.model_dump()})
        if number % 10 == 0:
            _say(f"{number} of {len(asked)} answers, {kinds['citations']} citations, {len(wrong)} wrong")
    return {"answers": len(asked), "seconds": round(time.monotonic() - began, 1), **kinds, "wrong": wrong}


def _stored(knowledge: Any, document_id: str, start: int, end: int) -> str:
    return str(knowledge.document(document_id).text[start:end])


def _passed(found: dict[str, Any], options: argparse.Namespace) -> bool:
    checked = found["retrieval"]["passages"] > 0 and (not options.answers or found["answers"].get("citations", 0) > 0)
    return checked and not found["retrieval"]["wrong"] and not found["answers"]["wrong"]


def _open(home: Path, options: argparse.Namespace) -> Any:
    from assistant.app import open_assistant
    from assistant.config import load_settings

    return open_assistant(load_settings({"home": str(home), "store.kind": options.store, "store.linger": 1}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--limit", type=int, default=0, help="documents; 0 takes all 993")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--answers", type=int, default=200, help="how many of the questions the assistant answers")
    parser.add_argument("--store", choices=["auto", "weaviate", "chroma"], default="auto")
    parser.add_argument("--home", metavar="FOLDER", help="keep the home here, for bench/overhead.py to use again")
    parser.add_argument("--json", metavar="FILE", help="write the result here, too")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
