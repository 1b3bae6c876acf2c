"""The documents: what is loaded, what is being loaded, what failed and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assistant.knowledge.types import DocumentInfo, IngestProgress
from assistant.ui.words import count, document_address, file_name
from assistant.ui.words import text as safe

STATE_WORDS = {
    "waiting": "waiting",
    "read": "read",
    "split": "split into passages",
    "embedded": "being indexed",
    "done": "ready",
    "unchanged": "already here",
    "moved": "here under a new name",
    "failed": "not loaded",
}
STEPS = {"waiting": 0, "read": 1, "split": 2, "embedded": 3, "done": 4, "unchanged": 4, "moved": 4, "failed": 4}
SHOWN = 300


def documents(infos: Sequence[DocumentInfo], search: str = "") -> str:
    """The list of documents with a way to delete each."""
    wanted = [info for info in infos if search.lower() in f"{info.title} {info.source}".lower()]
    if not wanted:
        none = (
            f"No document is called “{search}”." if search else "No documents yet. Add some, or drop them on the page."
        )
        return f'<p class="faint">{safe(none)}</p>'
    newest = sorted(wanted, key=lambda info: info.added, reverse=True)
    rows = "".join(_row(info) for info in newest[:SHOWN])
    more = f'<p class="faint">{count(len(wanted) - SHOWN, "more document")}: search to find them.</p>' * (
        len(wanted) > SHOWN
    )
    return f'<ul class="library">{rows}</ul>{more}'


def _row(info: DocumentInfo) -> str:
    name = safe(file_name(info.source))
    facts = [safe(info.title)] if info.title and info.title != file_name(info.source) else []
    facts += [count(info.pages, "page")] if info.pages else []
    facts += [count(info.chunks, "passage"), safe(info.collection)]
    address = safe(document_address(info.document_id, 0, 0).removesuffix("#here"))
    return (
        f'<li data-document="{safe(info.document_id)}"><div><a href="{address}" target="_blank"><bdi>{name}</bdi></a>'
        f'<span class="faint" dir="auto">{" · ".join(facts)}</span></div>'
        f'<button type="button" class="quiet" data-do="delete-document" aria-label="Delete {name}">'
        "Delete …</button></li>"
    )


def progress(files: Mapping[str, IngestProgress]) -> str:
    """One line for each file of an upload: its state in words and as a bar, the reason where it failed."""
    return "".join(_progress(name, step) for name, step in files.items())


def _progress(name: str, step: IngestProgress) -> str:
    words = STATE_WORDS.get(step.state, step.state)
    detail = f" – {safe(step.detail)}" if step.detail and step.state in {"failed", "waiting"} else ""
    return (
        f'<li class="file {safe(step.state)}" data-state="{safe(step.state)}"><bdi>{safe(name)}</bdi> '
        f'<progress max="4" value="{STEPS.get(step.state, 0)}" aria-label="{safe(name)}"></progress> '
        f"<span>{safe(words)}{detail}</span></li>"
    )
