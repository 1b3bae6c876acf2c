"""Three questions that work on what is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.knowledge.types import DocumentInfo
from assistant.ui.words import file_name
from assistant.ui.words import text as safe

OWN = (
    "When should I fine-tune rather than retrieve?",
    "What does training a model from scratch need?",
    "How do I add my own documents?",
)
"""Questions the project's own documentation answers; they stand in `docs/questions.jsonl` with their answers."""

OWN_GUIDE = "choosing-a-path"
"""The guide among the project's documents: where it is loaded, `OWN` works."""


ABOUT = "Ask about your documents, or anything else. Answers show their sources, and say so when they do not know."
ABOUT_EMPTY = "No documents are loaded yet. Add some to get answers with sources; until then, only the model answers."
ADD = '<p><button type="button" class="button" data-do="documents">Add documents</button></p>'


def examples(documents: Sequence[DocumentInfo], wanted: int = 3) -> list[str]:
    """The documentation's questions where it is loaded, else questions about the newest documents by name."""
    if any(OWN_GUIDE in info.source for info in documents):
        return list(OWN[:wanted])
    newest = sorted(documents, key=lambda info: info.added, reverse=True)[: wanted - 1]
    asked = [f"What does {_name(info)} say in short?" for info in newest]
    return [*asked, "What is 17 × 23?"]


def _name(info: DocumentInfo) -> str:
    return info.title or file_name(info.source)


def empty_state(documents: Sequence[DocumentInfo], troubles: Sequence[str] = (), *, loading: bool = False) -> str:
    """What a person sees before the first question. `troubles` are sentences on what could not be loaded."""
    buttons = "".join(
        f'<li><button type="button" class="example" data-do="example" dir="auto">{safe(question)}</button></li>'
        for question in ([] if loading else examples(documents))
    )
    notes = "".join(f'<p class="notice"><b>Not ready:</b> {safe(trouble)}</p>' for trouble in troubles)
    about = ABOUT if documents or loading else ABOUT_EMPTY
    add = ADD if not documents and not loading else ""
    return f'<div class="empty"><h1>What would you like to know?</h1><p>{about}</p>{notes}{add}<ul>{buttons}</ul></div>'
