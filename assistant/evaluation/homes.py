"""Homes that hold exactly the documents a suite names, filled once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.documentation import find_documentation
from assistant.evaluation.identity import files_sha256
from eval.dataset import Places
from eval.sample import read_rows
from graphs.errors import UsageError

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.config import Settings
    from assistant.examples import Examples
    from assistant.feedback import Feedback
    from assistant.grades.grading import Grading
    from assistant.knowledge.catalogue import Catalogue

_FILLED = "filled.json"


@dataclass(frozen=True)
class ClosedHome:
    """Settings, documents and examples of a home; neither a model nor the store is opened."""

    settings: Settings
    catalogue: Catalogue
    examples: Examples
    grading: Grading | None = None
    """None in a home that was made for a suite: nobody grades there."""
    feedback: Feedback | None = None


def closed_home(settings: Settings, knowledge: str, places: Places) -> ClosedHome | None:
    """The home `open_for` would open, as far as its database tells; None where that has to be filled first."""
    home = _home_of(settings, knowledge, places)[0]
    if _is_filled_here(knowledge) and not (home / _FILLED).is_file():
        return None
    from assistant.database import open_database
    from assistant.examples import Examples
    from assistant.knowledge.catalogue import Catalogue

    there = settings.model_copy(update={"home": home})
    engine = open_database(there)
    parts = Catalogue(engine), Examples(engine, _no_knowledge)
    if knowledge:
        return ClosedHome(there, *parts)
    from assistant.feedback import Feedback
    from assistant.grades.grading import Grading

    votes = Feedback(engine)
    return ClosedHome(there, *parts, Grading(engine, there, votes), votes)


def _no_knowledge() -> Any:
    raise UsageError("The home is not open.", "Report this: examples are only listed here.")


def open_for(settings: Settings, knowledge: str, places: Places, tell: Callable[[str], None]) -> Assistant:
    """The assistant of the home itself, or of one filled with `knowledge` (`docs`, a path, `data:FILE`).

    Raises `UsageError` where the documents are not there or cannot be read.
    """
    from assistant.app import open_assistant

    if not knowledge:
        return open_assistant(settings, progress=tell)
    home, files = _home_of(settings, knowledge, places)
    for other in home.parent.glob(f"{home.name[:-13]}-" + "?" * 12):
        if other != home:
            shutil.rmtree(other, ignore_errors=True)  # of an earlier state of the same documents
    assistant = open_assistant(settings.model_copy(update={"home": home}), progress=tell)
    if _is_filled_here(knowledge) and not (home / _FILLED).exists():
        _fill(assistant, files, home, tell)
    return assistant


def _is_filled_here(knowledge: str) -> bool:
    """Whether a home gets its documents from here: the documentation it loads by itself."""
    return knowledge not in ("", "docs")


def _home_of(settings: Settings, knowledge: str, places: Places) -> tuple[Path, list[Path]]:
    """The folder of a suite's home and the documents in it."""
    if not knowledge:
        return settings.home, []
    files = _mixed(settings.cache / "eval" / "mixed") if knowledge == "mixed" else documents_of(knowledge, places)
    kept = settings.knowledge.model_dump(mode="json"), settings.models.embedding, settings.store.kind
    digest = hashlib.sha256(json.dumps([files_sha256(files), *kept]).encode()).hexdigest()[:12]
    slug = re.sub(r"[^A-Za-z0-9]+", "-", knowledge).strip("-").lower()[:40]
    return settings.cache / "eval" / "homes" / f"{slug}-{digest}", files


def documents_of(knowledge: str, places: Places) -> list[Path]:
    """The files behind a name. Raises `UsageError` where there are none."""
    if knowledge == "docs":
        return find_documentation()
    path = places.find(knowledge)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"The folder {knowledge!r} holds no documents.", "Put some there, or name another.")
    return files


def _mixed(folder: Path) -> list[Path]:
    """The documents of the mixed set as files. Raises `SettingsError` or `NotFoundError` without the public data."""
    from eval.mixed.rows import documents

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for title, text in documents().items():
        path = folder / (re.sub(r"[^A-Za-z0-9._-]+", "-", title) + ".md")
        path.write_text(f"# {title}\n\n{text}\n", encoding="utf-8")
        files.append(path)
    return files


def _fill(assistant: Assistant, files: list[Path], home: Path, tell: Callable[[str], None]) -> None:
    sources = [str(path) for file in files for path in _texts(file, home / "sources")]
    tell(f"loading {len(sources)} documents for this suite, once")
    report = assistant.knowledge.ingest(sources)
    if report.failed:
        first = report.failed[0]
        raise UsageError(f"{first.source!r} cannot be loaded: {first.error}", "Mend it or take it out.")
    (home / _FILLED).write_text(json.dumps({"documents": report.documents}), encoding="utf-8")


def _texts(file: Path, into: Path) -> Iterator[Path]:
    """A document as it is; the rows of a JSON Lines file of texts as a file each."""
    if not file.name.endswith((".jsonl", ".jsonl.gz")):
        yield file
        return
    into.mkdir(parents=True, exist_ok=True)
    for number, row in read_rows(file):
        name = str(row.get("corpus_id") or row.get("id") or number)
        path = into / (re.sub(r"[^A-Za-z0-9._-]+", "-", name)[-80:] + ".md")
        path.write_text(_text(row, file, number), encoding="utf-8")
        yield path


def _text(row: dict[str, Any], file: Path, number: int) -> str:
    if not isinstance(row.get("text"), str):
        raise UsageError(f"{file}, line {number}: there is no `text`.", "Each row of documents has its `text`.")
    return str(row["text"])
