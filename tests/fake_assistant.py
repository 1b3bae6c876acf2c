# ruff: noqa: E501, A002
"""An assistant of the same interface that answers by keyword: for states a real one cannot be made to reach at will."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from assistant.config import Settings
from assistant.knowledge.ingest import Upload
from assistant.knowledge.types import DocumentInfo, IngestProgress, IngestReport, Page, StoredDocument, StoreStats
from assistant.records import Request, ThreadInfo, Turn, Vote
from graphs.answer import (
    Answer,
    Citation,
    Evidence,
    Expected,
    Grounding,
    Passage,
    PromptRef,
    RouteDecision,
    SentenceSupport,
    Timing,
    Usage,
)
from graphs.errors import NotFoundError, UsageError
from graphs.events import Event, Failed, Final, Found, Routed, Status, Token

GUIDE = """# Choosing a path

## When to retrieve

Retrieve when facts change often, or when a reader must see the source. Retrieval needs no training.

## When to fine-tune

Fine-tune when the form of the answer matters more than its facts: a tone, a format, a narrow task done often. \
It needs some hundred good examples and an hour of a small computer.
"""

EVIL = '<script>document.title="owned"</script><img src="https://evil.example/x.png" onerror="alert(1)">'

TEXTS = {
    "weak": "The warranty lasts 24 months [1]. It was invented by a committee of **seven** people. Nobody knows why.",
    "code": "Use this:\n\n```python\ndef greet(name: str) -> str:\n    return f'Hello, {name}' * 20 + 'a line that is far too long to fit on a phone or in a column of text'\n```\n\nThen call `greet('you')`.",
    "table": "| Path | Needs | Takes |\n|---|---|---:|\n| Prompt | nothing | 1 s |\n| Retrieval | documents | 2 s |\n| Tuning | examples | 1 h |",
    "arabic": "الضمان مدته أربعة وعشرون شهرًا من تاريخ التسليم [1].\n\n- البند الأول\n- البند الثاني",
    "long": "\n\n".join(
        f"Paragraph {n}. " + "A long answer goes on and on without losing its reader. " * 6 for n in range(40)
    ),
    "evil": f"{EVIL} ![pixel](https://evil.example/p.png) [click](javascript:alert(1)) <iframe src='https://evil.example'></iframe>",
    "slow": " ".join(f"word{n}" for n in range(400)),
    "just": "A model that learned from text continues what you write.",
}


def document(
    name: str, text: str, *, title: str = "", kind: str = "text/markdown", pages: tuple[Page, ...] = ()
) -> StoredDocument:
    info = DocumentInfo(
        document_id=f"doc-{name.partition('.')[0]}",
        collection="documents",
        source=f"/library/{name}",
        title=title or name,
        media_type=kind,
        sha256="0" * 64,
        characters=len(text),
        chunks=3,
        added=datetime.now(UTC).isoformat(),
        pages=len(pages),
    )
    return StoredDocument(info, text, pages)


def pdf_document(path: Path) -> tuple[StoredDocument, Path]:
    """A handbook of five pages written to `path`: the warranty stands on page 4."""
    import pypdfium2
    from fpdf import FPDF

    pdf = FPDF()
    for number in range(1, 6):
        body = "The appliance is covered for 24 months from the date of delivery. Repairs extend it by six. "
        pdf.add_page()
        pdf.set_font("helvetica", "B", 18)
        pdf.cell(0, 12, f"Warranty handbook, part {number}", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("helvetica", size=12)
        pdf.multi_cell(0, 7, body if number == 4 else "General remarks on the use of the appliance. " * 6)
    pdf.output(str(path))
    text, pages = "", []
    with pypdfium2.PdfDocument(path) as opened:
        for number in range(len(opened)):
            words = opened[number].get_textpage().get_text_range()
            pages.append(Page(number + 1, len(text), len(text) + len(words)))
            text += words + "\n"
    return document(path.name, text, title="Warranty handbook", kind="application/pdf", pages=tuple(pages)), path


class FakeThreads:
    def __init__(self) -> None:
        self.threads: dict[str, list[Turn]] = {}
        self.infos: dict[str, ThreadInfo] = {}

    def list(self, search: str = "") -> list[ThreadInfo]:
        def text(info: ThreadInfo) -> str:
            return info.title + " ".join(turn.question for turn in self.threads[info.thread_id])

        return [info for info in reversed(self.infos.values()) if search.casefold() in text(info).casefold()]

    def turns(self, thread_id: str) -> list[Turn]:
        if thread_id not in self.threads:
            raise NotFoundError(f"There is no conversation {thread_id!r}.", "Start a new one.")
        return list(self.threads[thread_id])

    def rename(self, thread_id: str, title: str) -> ThreadInfo:
        self.turns(thread_id)
        self.infos[thread_id] = self.infos[thread_id].model_copy(update={"title": title})
        return self.infos[thread_id]

    def delete(self, thread_id: str) -> None:
        self.turns(thread_id)
        del self.threads[thread_id], self.infos[thread_id]

    def export(self, thread_id: str, format: str = "markdown") -> str:
        turns = self.turns(thread_id)
        return (
            json.dumps([turn.model_dump() for turn in turns])
            if format == "json"
            else f"# {self.infos[thread_id].title}\n"
        )


class FakeFeedback:
    def __init__(self) -> None:
        self.votes: dict[str, Vote] = {}

    def record(self, vote: Vote, answer: Answer, question: str) -> None:
        assert vote.answer_id == answer.answer_id
        self.votes[vote.answer_id] = vote

    def get(self, answer_id: str) -> Vote | None:
        return self.votes.get(answer_id)


class FakeRunLog:
    def forget(self, thread_id: str) -> None:
        pass


class FakeKnowledge:
    def __init__(self, documents: Sequence[StoredDocument], originals: dict[str, Path]) -> None:
        self.stored = {one.info.document_id: one for one in documents}
        self.originals = originals

    def documents(self, collection: str = "") -> list[DocumentInfo]:
        return [one.info for one in self.stored.values()]

    def document(self, document_id: str) -> StoredDocument:
        if document_id not in self.stored:
            raise NotFoundError(f"There is no document {document_id!r}.", "It may have been deleted.")
        return self.stored[document_id]

    def original(self, document_id: str) -> Path | None:
        return self.originals.get(document_id)

    def delete(self, document_id: str) -> int:
        self.document(document_id)
        del self.stored[document_id]
        return 1

    def stats(self) -> StoreStats:
        return StoreStats(
            "weaviate", "1.38.11", "http://127.0.0.1:8080", len(self.stored), 9, {"documents": len(self.stored)}
        )

    def ingest(
        self,
        sources: Sequence[Upload],
        collection: str = "",
        on_progress: Callable[[IngestProgress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> IngestReport:
        tell = on_progress or (lambda step: None)
        for upload in sources:
            data, source = upload.path.read_bytes(), upload.name
            for state in ("read", "split", "embedded"):
                tell(IngestProgress(source, state))
                time.sleep(0.05)
            if data.startswith(b"broken"):
                tell(IngestProgress(source, "failed", "It is no readable PDF. Save it again and retry."))
                continue
            stored = document(Path(source).name, data.decode(errors="replace"))
            self.stored[stored.info.document_id] = stored
            tell(IngestProgress(source, "done"))
        return IngestReport(documents=len(sources))


def _passage(stored: StoredDocument) -> Passage:
    """The page with the warranty on it, or the beginning of a document without pages."""
    page = next((one for one in stored.pages if "24 months" in stored.text[one.start : one.end]), None)
    start, end = (page.start, page.end) if page else (0, min(600, len(stored.text)))
    return Passage(
        chunk_id=f"{stored.info.document_id}-1", document_id=stored.info.document_id, source=stored.info.source,
        title=stored.info.title, text=stored.text[start:end], start=start, end=end, page=page.number if page else None,
        heading="Warranty › Duration" if page else "When to fine-tune", score=0.9, similarity=0.71,
    )  # fmt: skip


class FakeRun(Iterator[Event]):
    def __init__(self, thread_id: str, events: Iterator[Event]) -> None:
        self.thread_id = thread_id
        self._events = events

    def __next__(self) -> Event:
        return next(self._events)


class FakeAssistant:
    """Give it documents and originals; ask with a keyword of `TEXTS`, or `quote`, `unknown`, `fail`, `notice`."""

    def __init__(
        self, home: Path, documents: Sequence[StoredDocument] = (), originals: dict[str, Path] | None = None
    ) -> None:
        self.settings = Settings(home=home, models={"chat": "fake:parrot", "embedding": "fake:vectors"})
        self.threads = FakeThreads()
        self.feedback = FakeFeedback()
        self.run_log = FakeRunLog()
        self.knowledge = FakeKnowledge(documents, originals or {})
        self.pause = 0.004
        self.awaited: dict[str, str] = {}
        self._count = itertools.count(1)

    def vote(self, vote: Vote, answer: Answer, question: str) -> None:
        self.feedback.record(vote, answer, question)

    def waiting(self) -> dict[str, str]:
        return self.awaited

    def models(self) -> list[str]:
        return ["fake:parrot", "local:smollm2-135m-instruct"]

    def paths(self) -> dict[str, str]:
        return {"rag": "", "zero_shot": "", "few_shot": "", "tools": "", "tuned": "no tuned model yet"}

    def stream(self, request: Request, cancel: threading.Event | None = None) -> FakeRun:
        if not request.question.strip():
            raise UsageError(f"The question {request.question!r} is empty.", "Type one.")
        if "refuse" in request.question:
            raise UsageError("The question has 100,000 characters.", "Ask with at most 20,000.")
        number = next(self._count)
        thread_id = request.thread_id or f"thread-{number}"
        turns = self._begin(thread_id, f"question-{number}", request)
        return FakeRun(thread_id, self._answer(request, cancel or threading.Event(), thread_id, number, turns))

    def _answer(
        self, request: Request, cancel: threading.Event, thread_id: str, number: int, turns: list[Turn]
    ) -> Iterator[Event]:
        path = "rag" if request.path == "auto" and "just" not in request.question else request.path
        path = "zero_shot" if path == "auto" else path
        yield Status(text="choosing how to answer")
        yield Routed(decision=self._route(path, request.path != "auto"))
        yield Status(text=f"searching {len(self.knowledge.stored)} documents")
        passages = self._passages() if path == "rag" else []
        yield Found(passages=passages)
        if "fail" in request.question:
            error = {
                "type": "timeout",
                "message": "The model 'fake:parrot' did not answer in 60 s.",
                "cure": "Try again, or choose another model.",
            }
            yield Failed(error=error, thread_id=thread_id)
            return
        text, written = self._text(request.question, path), ""
        for word in text.split(" "):
            if cancel.is_set():
                break
            written += word + " "
            yield Token(text=word + " ")
            time.sleep(self.pause * (10 if "slow" in request.question else 0.1))
        stopped = cancel.is_set()
        yield Status(text="checking 3 sentences")
        answer = self._finish(
            request, path, written.rstrip() if stopped else text, passages, stopped, thread_id, number
        )
        turns[-1] = turns[-1].model_copy(update={"answer": answer})
        yield Final(answer=answer)

    def _begin(self, thread_id: str, question_id: str, request: Request) -> list[Turn]:
        now = datetime.now(UTC).isoformat()
        turns = self.threads.threads.setdefault(thread_id, [])
        for index, turn in enumerate(turns):
            if turn.question_id == request.replace:
                del turns[index:]
                break
        turns.append(Turn(question_id=question_id, question=request.question, asked=now, answer=None))
        title = self.threads.infos[thread_id].title if thread_id in self.threads.infos else request.question[:40]
        self.threads.infos[thread_id] = ThreadInfo(
            thread_id=thread_id, title=title, created=now, updated=now, turns=len(turns)
        )
        return turns

    def _route(self, path: str, forced: bool) -> RouteDecision:
        return RouteDecision(
            path=path,
            reason="The question is about something the documents treat.",
            confidence=0.86,
            scores={"rag": 0.86, "zero_shot": 0.1, "few_shot": 0.03, "tools": 0.01},
            forced=forced,
            expected={
                "rag": Expected(seconds=2.1),
                "zero_shot": Expected(seconds=1.2),
                "tools": Expected(seconds=0.05),
            },
        )

    def _text(self, question: str, path: str) -> str:
        if "unknown" in question:
            return f"I do not know. I searched {len(self.knowledge.stored)} documents and none of them answers this."
        if "quote" in question:
            return "“Retrieve when facts change often, or when a reader must see the source.” [1]"
        for word, text in TEXTS.items():
            if word in question.lower():
                return text
        if path != "rag":
            return TEXTS["just"]
        return "Fine-tune when the form of the answer matters more than its facts [1]. Retrieve when **facts change often** [2]."

    def _passages(self) -> list[Passage]:
        return [_passage(stored) for stored in list(self.knowledge.stored.values())[:3]]

    def _finish(
        self,
        request: Request,
        path: str,
        text: str,
        passages: list[Passage],
        stopped: bool,
        thread_id: str,
        number: int,
    ) -> Answer:
        question = request.question
        citations = [
            self._cite(f"[{index + 1}]", passage) for index, passage in enumerate(passages) if f"[{index + 1}]" in text
        ]
        return Answer(
            text=text,
            route=self._route(path, request.path != "auto"),
            citations=citations,
            grounding=self._grounding(text) if path == "rag" and not stopped else None,
            abstained="unknown" in question,
            quoted="quote" in question,
            stopped=stopped,
            model=request.model or "fake:parrot",
            usage=Usage(prompt_tokens=441, completion_tokens=len(text.split())),
            timing=Timing(total=2100, route=12, retrieve=80, first_token=240, generate=1700, verify=60),
            thread_id=thread_id,
            answer_id=f"answer-{number}",
            question=question,
            evidence=[
                Evidence(passage=one, kept=index < 2, why="near the question" if index < 2 else "too far")
                for index, one in enumerate(passages)
            ],
            notices=["The model 'openai:gpt' did not answer; 'fake:parrot' answered instead."]
            if "notice" in question
            else [],
            prompt=PromptRef(name="answer_from_passages", version="1", sha256="ab" * 32),
        )

    def _cite(self, marker: str, passage: Passage) -> Citation:
        wanted = {"[1]": "24 months", "[2]": "facts change often"}.get(marker, "")
        inside = passage.text.find(wanted)
        start, end = (
            (passage.start + inside, passage.start + inside + len(wanted))
            if inside > 0
            else (passage.start, passage.start + 60)
        )
        return Citation(
            marker=marker, chunk_id=passage.chunk_id, document_id=passage.document_id, source=passage.source,
            title=passage.title, page=passage.page, start=start, end=end, snippet=passage.text[start:end], score=0.9,
        )  # fmt: skip

    def _grounding(self, text: str) -> Grounding:
        sentences, at = [], 0
        for part in text.split(". "):
            end = min(at + len(part) + 1, len(text))
            weak = "committee" in part
            sentences.append(
                SentenceSupport(text=text[at:end], start=at, end=end, score=0.1 if weak else 0.9, supported=not weak)
            )
            at = end + 1
        partly = any(not one.supported for one in sentences)
        return Grounding(score=0.6 if partly else 0.92, label="partly" if partly else "supported", sentences=sentences)
