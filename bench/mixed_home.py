"""A home for the mixed set: the documents its questions are about, and worked examples. Filled once, then reused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.kb_docs import rows, write
from eval.mixed.rows import documents, worked_examples

PAGES = 83
"""Documents of `kb_docs` beside the articles."""


@contextmanager
def mixed_home(home: Path, settings: dict[str, Any] | None = None) -> Iterator[Any]:
    """The assistant of that home, filled. `settings` are over those of the home."""
    from assistant.app import open_assistant
    from assistant.config import load_settings

    flags = {"home": str(home), "store.linger": 30.0, "answering.answer_tokens": 32, **(settings or {})}
    with open_assistant(load_settings(flags)) as assistant:
        _fill(assistant, home / "documents")
        yield assistant


def _fill(assistant: Any, folder: Path) -> None:
    if not (folder / "whole").is_file():
        for title, text in documents().items():
            path = folder / "articles" / f"{title}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# {title}\n\n{text}\n", encoding="utf-8")
        write(folder / "pages", rows(PAGES))
        print("loading documents", file=sys.stderr, flush=True)
        assistant.knowledge.ingest([folder])
        (folder / "whole").touch()
    if not (folder / "examples").is_file():
        from assistant.examples import NewExample

        print("keeping worked examples", file=sys.stderr, flush=True)
        assistant.examples.add([NewExample(origin="file", **row) for row in worked_examples()])
        (folder / "examples").touch()
