"""What our own client may ask of an assistant: plain JSON in, events and a result out.

The commands run these in their own process where no service runs, and through `POST /own/NAME` where one does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter, ValidationError

from assistant.builders import build_grounded, build_preferences
from assistant.checking import check_text
from assistant.grades.operations import GRADING
from assistant.people.operations import PEOPLE
from assistant.records import Consent, Request, Vote
from graphs.errors import NotFoundError, UsageError
from graphs.events import Failed, Final

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.knowledge.types import Hit, IngestProgress

Arguments = dict[str, Any]
Steps = Generator[dict[str, Any], None, Any]
"""Yields events, returns the result."""
Operation = Callable[["Assistant", Arguments, threading.Event], Steps]


def ask(assistant: Assistant, arguments: Arguments, cancel: threading.Event) -> Steps:
    """A turn. Its events, then `answer` and the `store` in use."""
    from assistant.answering import store_kind

    run = assistant.stream(_request(arguments), cancel)
    try:
        for event in run:
            if not isinstance(event, Final | Failed):
                yield event.model_dump(mode="json")
    finally:
        run.close()
    if run.error:
        raise run.error
    answer = cast(Any, run.answer).model_dump(mode="json")
    given = arguments.get("contexts") is not None
    return {"answer": answer, "store": "given" if given else store_kind(assistant)}


def approve(assistant: Assistant, arguments: Arguments, cancel: threading.Event) -> Steps:
    """Go on with a turn that waits for consent; `approved` names the calls that may run, all others are refused."""
    from assistant.answering import store_kind

    consent = {"approved": [], **arguments}
    run = assistant.resume(cast(Consent, _validated(Consent, consent)), cancel)
    try:
        for event in run:
            if not isinstance(event, Final | Failed):
                yield event.model_dump(mode="json")
    finally:
        run.close()
    if run.error:
        raise run.error
    return {"answer": cast(Any, run.answer).model_dump(mode="json"), "store": store_kind(assistant)}


def replay(assistant: Assistant, arguments: Arguments, cancel: threading.Event) -> Steps:
    """Run a stored turn again, from one of its steps on, in a new conversation."""
    from assistant.answering import store_kind

    thread_id, question_id, node = (str(arguments.get(name, "")) for name in ("thread_id", "question_id", "node"))
    run = assistant.replay(thread_id, question_id, node, cancel)
    try:
        for event in run:
            if not isinstance(event, Final | Failed):
                yield event.model_dump(mode="json")
    finally:
        run.close()
    if run.error:
        raise run.error
    return {"answer": cast(Any, run.answer).model_dump(mode="json"), "store": store_kind(assistant)}


def _threads_steps(assistant: Assistant, arguments: Arguments) -> Any:
    thread_id, wanted = str(arguments["thread_id"]), str(arguments.get("question_id", ""))
    turns = [turn for turn in assistant.threads.turns(thread_id) if wanted in ("", turn.question_id)]
    steps = {turn.question_id: assistant.run_log.steps(turn.question_id) for turn in turns}
    return {"turns": [{"question_id": key, "steps": [one.model_dump() for one in steps[key]]} for key in steps]}


def ingest(assistant: Assistant, arguments: Arguments, cancel: threading.Event) -> Steps:
    """Documents in; an event for each step of each source, then the report. In the background: the job, at once."""
    steps: _Relay = _Relay()
    sources = [str(source) for source in arguments["sources"]]
    collection = str(arguments.get("collection", ""))

    follow = bool(arguments.get("follow"))
    if arguments.get("background"):
        return asdict(assistant.knowledge.enqueue(sources, collection, follow=follow))

    gone = [str(path) for path in arguments.get("gone", ())]

    def work() -> Any:
        report = assistant.knowledge.ingest(sources, collection, steps.tell, cancel, follow=follow)
        return replace(report, deleted=report.deleted + len(assistant.knowledge.forget(gone, collection)))

    report = yield from steps.run(work, cancel)
    return asdict(report)


class _Relay:
    """Turns the callbacks of work on another thread into events."""

    def __init__(self) -> None:
        import queue

        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def tell(self, progress: IngestProgress) -> None:
        """Pass one step on."""
        self._events.put({"type": "progress", **asdict(progress)})

    def run(self, work: Callable[[], Any], cancel: threading.Event) -> Steps:
        """The events of `work` as they come; closing sets `cancel` and waits for it."""
        outcome: list[Any] = []

        def body() -> None:
            try:
                outcome.append(work())
            except BaseException as error:
                outcome.append(error)
            finally:
                self._events.put(None)

        thread = threading.Thread(target=body, name="ingest", daemon=True)
        thread.start()
        try:
            while (event := self._events.get()) is not None:
                yield event
        finally:
            if not outcome:
                cancel.set()
            thread.join()
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]


def _threads_list(assistant: Assistant, arguments: Arguments) -> Any:
    return {"threads": [info.model_dump() for info in assistant.threads.list(str(arguments.get("search", "")))]}


def _threads_show(assistant: Assistant, arguments: Arguments) -> Any:
    thread_id = str(arguments["thread_id"])
    turns = [turn.model_dump(mode="json") for turn in assistant.threads.turns(thread_id)]
    return {**assistant.threads.get(thread_id).model_dump(), "turns": turns}


def _threads_rename(assistant: Assistant, arguments: Arguments) -> Any:
    return assistant.threads.rename(str(arguments["thread_id"]), str(arguments["title"])).model_dump()


def _threads_delete(assistant: Assistant, arguments: Arguments) -> Any:
    assistant.threads.delete(str(arguments["thread_id"]))
    assistant.run_log.forget(str(arguments["thread_id"]))
    return {"deleted": 1}


def _threads_export(assistant: Assistant, arguments: Arguments) -> Any:
    chosen: Any = arguments.get("format", "markdown")
    return {"text": assistant.threads.export(str(arguments["thread_id"]), chosen)}


def _memory_list(assistant: Assistant, _: Arguments) -> Any:
    return {"facts": [fact.model_dump() for fact in assistant.facts.list()]}


def _memory_add(assistant: Assistant, arguments: Arguments) -> Any:
    return assistant.facts.add(str(arguments["text"])).model_dump()


def _memory_edit(assistant: Assistant, arguments: Arguments) -> Any:
    return assistant.facts.edit(str(arguments["fact_id"]), str(arguments["text"])).model_dump()


def _memory_delete(assistant: Assistant, arguments: Arguments) -> Any:
    assistant.facts.delete(str(arguments["fact_id"]))
    return {"deleted": 1}


def _feedback_record(assistant: Assistant, arguments: Arguments) -> Any:
    vote = _validated(Vote, {key: arguments[key] for key in ("answer_id", "vote", "comment") if key in arguments})
    for turn in assistant.threads.turns(str(arguments["thread_id"])):
        if turn.answer and turn.answer.answer_id == vote.answer_id:
            return assistant.vote(vote, turn.answer, turn.question).model_dump()
    raise NotFoundError(f"That conversation has no answer {vote.answer_id!r}.", "Name one of its answers.")


def _feedback_list(assistant: Assistant, _: Arguments) -> Any:
    return {"votes": [vote.model_dump() for vote in assistant.feedback.list()]}


def _examples_add(assistant: Assistant, arguments: Arguments) -> Any:
    from assistant.examples import NewExample

    return {"added": assistant.examples.add([_validated(NewExample, row) for row in arguments["examples"]])}


def _examples_list(assistant: Assistant, arguments: Arguments) -> Any:
    return {"examples": [row.model_dump() for row in assistant.examples.list(str(arguments.get("task", "")))]}


def _examples_remove(assistant: Assistant, arguments: Arguments) -> Any:
    return {"removed": assistant.examples.remove([str(one) for one in arguments["ids"]])}


def _routing_explain(assistant: Assistant, arguments: Arguments) -> Any:
    from assistant.outcomes import explain

    return explain(assistant, _request(arguments)).model_dump(mode="json")


def _routing_outcomes(assistant: Assistant, _: Arguments) -> Any:
    from assistant.outcomes import own_rows

    return {"rows": list(own_rows(assistant))}


def _knowledge_list(assistant: Assistant, arguments: Arguments) -> Any:
    return {"documents": [asdict(info) for info in assistant.knowledge.documents(str(arguments.get("collection", "")))]}


def _knowledge_show(assistant: Assistant, arguments: Arguments) -> Any:
    document = assistant.knowledge.document(_document_id(assistant, str(arguments["document"])))
    return {**asdict(document.info), "pages": [asdict(page) for page in document.pages], "text": document.text}


def _knowledge_delete(assistant: Assistant, arguments: Arguments) -> Any:
    if collection := str(arguments.get("collection", "")):
        if collection not in assistant.knowledge.collections():
            raise NotFoundError(f"There is no collection {collection!r}.", "See `crossroads knowledge stats`.")
        return {"deleted": assistant.knowledge.delete(collection=collection)}
    ids = [_document_id(assistant, str(document)) for document in arguments["documents"]]
    return {"deleted": sum(assistant.knowledge.delete(document_id) for document_id in ids)}


def _knowledge_stats(assistant: Assistant, _: Arguments) -> Any:
    return asdict(assistant.knowledge.stats())


def _knowledge_search(assistant: Assistant, arguments: Arguments) -> Any:
    from assistant.knowledge.filters import filters_from

    question = str(arguments["question"])
    if not question.strip():
        raise UsageError(f"The search {question!r} is empty.", "Write what to look for.")
    k = int(arguments.get("k") or assistant.settings.knowledge.passages)
    filters = filters_from(arguments["filters"]) if arguments.get("filters") else None
    hits = assistant.knowledge.search(question, str(arguments.get("collection", "")), k, filters)
    return {"hits": [_hit(hit) for hit in hits]}


def _knowledge_jobs(assistant: Assistant, arguments: Arguments) -> Any:
    """The jobs, after cancelling or repeating the one that is named for it."""
    jobs = assistant.knowledge.jobs
    if arguments.get("cancel"):
        jobs.cancel(str(arguments["cancel"]))
    if arguments.get("retry"):
        jobs.retry(str(arguments["retry"]))
    return {"jobs": [asdict(job) for job in jobs.list()[:100]]}


def _hit(hit: Hit) -> dict[str, Any]:
    return {**asdict(hit.chunk), "score": hit.score, "similarity": hit.similarity, "words": hit.words}


def _document_id(assistant: Assistant, wanted: str) -> str:
    """The id of a document named by its id, its source, or a path to it. Raises `NotFoundError`."""
    names = {wanted, str(Path(wanted).expanduser().resolve())}
    for info in assistant.knowledge.documents():
        if info.document_id in names or info.source in names:
            return info.document_id
    raise NotFoundError(f"There is no document {wanted!r}.", "See `crossroads knowledge list`.")


def _request(arguments: Arguments) -> Request:
    return cast(Request, _validated(Request, arguments))


def _validated(kind: type[Any], arguments: Arguments) -> Any:
    try:
        return TypeAdapter(kind).validate_python(arguments)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        raise UsageError(
            f"{field!r} cannot be {first['input']!r}: {first['msg']}.", "See `crossroads --help`."
        ) from None


def _at_once(work: Callable[[Assistant, Arguments], Any]) -> Operation:
    """An operation without events."""

    def operation(assistant: Assistant, arguments: Arguments, _: threading.Event) -> Steps:
        yield from ()  # makes this a generator like the others
        try:
            return work(assistant, arguments)
        except KeyError as error:
            raise UsageError(f"The argument {error.args[0]!r} is missing.", "Give it.") from None

    return operation


def _lineage(assistant: Assistant, arguments: Arguments) -> Any:
    from assistant.improving.lineage import SHOWN_ROWS, lineage

    return lineage(assistant, str(arguments["answer_id"]), int(arguments.get("rows", SHOWN_ROWS)))


OPERATIONS: dict[str, Operation] = {
    **{name: _at_once(work) for name, work in PEOPLE.items()},
    **{name: _at_once(work) for name, work in GRADING.items()},
    "lineage": _at_once(_lineage),
    "data/build-grounded": build_grounded,
    "data/build-preferences": build_preferences,
    "ask": ask,
    "approve": approve,
    "replay": replay,
    "threads/steps": _at_once(_threads_steps),
    "ingest": ingest,
    "check": _at_once(check_text),
    "paths": _at_once(lambda assistant, _: assistant.paths()),
    "threads/list": _at_once(_threads_list),
    "threads/show": _at_once(_threads_show),
    "threads/rename": _at_once(_threads_rename),
    "threads/delete": _at_once(_threads_delete),
    "threads/export": _at_once(_threads_export),
    "memory/list": _at_once(_memory_list),
    "memory/add": _at_once(_memory_add),
    "memory/edit": _at_once(_memory_edit),
    "memory/delete": _at_once(_memory_delete),
    "feedback/record": _at_once(_feedback_record),
    "feedback/list": _at_once(_feedback_list),
    "routing/explain": _at_once(_routing_explain),
    "routing/outcomes": _at_once(_routing_outcomes),
    "examples/add": _at_once(_examples_add),
    "examples/list": _at_once(_examples_list),
    "examples/remove": _at_once(_examples_remove),
    "knowledge/list": _at_once(_knowledge_list),
    "knowledge/show": _at_once(_knowledge_show),
    "knowledge/delete": _at_once(_knowledge_delete),
    "knowledge/stats": _at_once(_knowledge_stats),
    "knowledge/search": _at_once(_knowledge_search),
    "knowledge/jobs": _at_once(_knowledge_jobs),
}


def run_here(
    assistant: Assistant, operation: str, arguments: Arguments, on_event: Callable[[dict[str, Any]], None]
) -> Any:
    """The result of an operation in this process; its events are passed on. Raises what it fails with."""
    steps = OPERATIONS[operation](assistant, arguments, threading.Event())
    try:
        while True:
            on_event(next(steps))
    except StopIteration as end:
        return end.value
    finally:
        steps.close()
