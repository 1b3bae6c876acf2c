"""Training rows from this home's documents, votes and grades: what `crossroads data build-…` runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphs.errors import ModelError, UsageError

if TYPE_CHECKING:
    from assistant.app import Assistant
    from training.builders.grounded import Propose, Source, Tools
    from training.builders.preferences import Judged

Steps = Generator[dict[str, Any], None, Any]
Told = Callable[[str, str], None]


def build_grounded(assistant: Assistant, arguments: dict[str, Any], cancel: threading.Event) -> Steps:
    """Questions with evidence, distractors and refusals from documents, into a folder where they wait for approval."""
    from training.builders.approval import lay_out
    from training.builders.grounded import build

    collection = str(arguments.get("collection", ""))
    infos = assistant.knowledge.documents(collection)
    if not infos:
        raise UsageError(f"There are no documents in {collection or 'this home'!r}.", "Load some: `crossroads ingest`.")
    yield {"type": "status", "text": f"making questions from {len(infos)} documents"}
    tools = _tools(assistant, arguments, collection)
    most = int(arguments.get("most") or 0)

    def rows(rejected: Told) -> Iterator[dict[str, Any]]:
        for number, candidate in enumerate(build(_sources(assistant, collection), tools, rejected)):
            if cancel.is_set() or (most and number >= most):
                return
            yield candidate.as_row()

    counts = lay_out(Path(str(arguments["out"])), rows)
    return {**counts, "out": str(arguments["out"]), "documents": len(infos)}


def build_preferences(assistant: Assistant, arguments: dict[str, Any], cancel: threading.Event) -> Steps:
    """Pairs of a liked and a disliked answer from votes, into a folder where they wait for approval."""
    del cancel
    from training.builders.approval import lay_out
    from training.builders.preferences import pair

    yield {"type": "status", "text": "pairing answers that were voted on"}
    judged = list(_voted(assistant))
    counts = lay_out(Path(str(arguments["out"])), lambda rejected: pair(judged, rejected))
    return {**counts, "out": str(arguments["out"]), "votes": len(judged)}


def _tools(assistant: Assistant, arguments: dict[str, Any], collection: str) -> Tools:
    from training.builders.grounded import Source, Tools

    reader = assistant.resources.reader.get()
    if reader is None:
        raise ModelError("The checks need the reader, which is not there.", "See `crossroads doctor`.")

    def search(question: str) -> list[Source]:
        hits = assistant.knowledge.search(question, collection, 8)
        return [Source(hit.chunk.document_id, hit.chunk.text, hit.chunk.start, hit.chunk.end) for hit in hits]

    return Tools(
        propose=_propose(assistant, str(arguments.get("by") or "sentences")),
        search=search,
        reader=reader,
        checker=assistant.resources.checker.get(),
        distractors=int(arguments.get("distractors") or 3),
        refusals=float(arguments.get("refusals", 0.3)),
    )


def _propose(assistant: Assistant, by: str) -> Propose:
    from training.builders.grounded import by_model, definitions

    if by == "sentences":
        return definitions
    model = assistant.resources.chat(by).get()
    return by_model(lambda prompt: str(model.invoke(prompt).text))


def _sources(assistant: Assistant, collection: str) -> Iterator[Source]:
    from training.builders.grounded import passages

    for info in assistant.knowledge.documents(collection):
        yield from passages(info.document_id, assistant.knowledge.document(info.document_id).text)


def _voted(assistant: Assistant) -> Iterator[Judged]:
    from training.builders.preferences import Judged
    from training.tuning.texts import grounded_prompt

    for vote in assistant.feedback.list():
        found = assistant.feedback.snapshot(vote.answer_id)
        if found is None:
            continue
        question, answer = found
        kept = [item.passage.text for item in answer.evidence if item.kept]
        asked = answer.question or question
        prompt = grounded_prompt(asked, kept) if kept else [{"role": "user", "content": question}]
        yield Judged(prompt, asked, answer.text, vote.vote == "up", answer.abstained, answer.stopped)
