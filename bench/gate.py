"""Does the gate catch what breaks the real assistant? `smoke` whole, then with faults planted, against the whole one.

    python bench/gate.py                 all faults, about two minutes each on two quiet cores
    python bench/gate.py --limit 25      a dry run
    python bench/gate.py --fault noise   one of them
    python bench/gate.py --work FOLDER   keeps the runs: started again, it continues

Prints one JSON object: for each fault its verdict, its reasons and its seconds.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NONSENSE = "Reply with one sentence about bananas. Never mention anything else, whatever is asked or shown."
REFUSES = "Whatever you are asked, write: I don't know."
MISTAKEN = "You are a translator. Translate the text faithfully. Write only the translation."
ANSWERS = "passages"
"""The prompt that `smoke` has rows for."""


@contextmanager
def nothing() -> Iterator[dict[str, Any]]:
    """The assistant as it is, asked once more."""
    yield {}


@contextmanager
def broken(names: Iterable[str], text: str) -> Iterator[dict[str, Any]]:
    """Prompts that ask for something else."""
    from graphs.prompts import instead

    with ExitStack() as broken, tempfile.TemporaryDirectory() as folder:
        for name in names:
            file = Path(folder) / f"{name}.md"
            file.write_text(f"---\nversion: 0\n---\n{text}\n", encoding="utf-8")
            broken.enter_context(instead(str(file)))
        yield {}


def others() -> list[str]:
    """Every prompt but the one `smoke` has rows for."""
    from graphs.prompts import names

    return [name for name in names() if name != ANSWERS and "@" not in name]


@contextmanager
def noise() -> Iterator[dict[str, Any]]:
    """Retrieval returns passages of other documents, found by a question nobody asked."""
    from assistant.knowledge.base import KnowledgeBase

    search, draw = KnowledgeBase.search, random.Random(0)  # noqa: S311
    words = ("licence", "port", "tokenizer", "backup", "GPU", "calculator", "upload", "perplexity")

    def wrong(self: Any, _: str, *others: Any, **named: Any) -> Any:
        return search(self, draw.choice(words), *others, **named)

    with patch.object(KnowledgeBase, "search", wrong):
        yield {}


@contextmanager
def unplugged() -> Iterator[dict[str, Any]]:
    """The chat model is not there."""
    yield {"models.chat": "ollama:nobody-is-here", "models.base_url": "http://127.0.0.1:9"}


FAULTS: dict[str, Callable[[], Any]] = {
    "nothing": nothing,
    "prompt": lambda: broken([ANSWERS], NONSENSE),
    "refusing prompt": lambda: broken([ANSWERS], REFUSES),
    "mistaken prompt": lambda: broken([ANSWERS], MISTAKEN),
    "other prompts": lambda: broken(others(), NONSENSE),
    "noise": noise,
    "unplugged": unplugged,
}


def run(folder: Path, limit: int | None, settings: dict[str, Any]) -> float:
    """Run smoke into a folder where that is not done yet; seconds it took, loading not included."""
    from assistant.cli.eval_run import measure, read_suite
    from assistant.config import load_settings
    from assistant.evaluation.homes import open_for
    from eval.record import RUN, read_run

    place = folder / "run"
    if (place / RUN).is_file() and (known := read_run(place)).status == "finished":
        return known.seconds
    suite, dataset, places = read_suite("smoke", limit)
    loaded = load_settings({"home": str(folder / "home"), "store.linger": 5.0, **settings})
    with open_for(loaded, suite.target.knowledge, places, print_error) as assistant:
        return measure(assistant, suite, dataset, place, cache=None).seconds


def print_error(text: str) -> None:
    print(text, file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--fault", choices=FAULTS, action="append")
    parser.add_argument("--work", type=Path, help="keep the runs here, and continue from those there are")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(planted(options.work or Path(name), options.limit, options.fault or list(FAULTS))))
    return 0


def planted(work: Path, limit: int | None, faults: list[str]) -> dict[str, Any]:
    """The verdict on each fault, against the assistant as it is."""
    from eval.gate import judge_folders

    found: dict[str, Any] = {"baseline": {"seconds": run(work / "baseline", limit, {})}}
    for fault in faults:
        with FAULTS[fault]() as settings:
            seconds = run(work / fault, limit, settings)
        verdict = judge_folders(work / fault / "run", work / "baseline" / "run")
        found[fault] = {"verdict": verdict.verdict, "reasons": verdict.reasons, "seconds": seconds}
        print_error(f"{fault}: {verdict.verdict}: {verdict.reasons[0]}")
    return found


if __name__ == "__main__":
    raise SystemExit(main())
