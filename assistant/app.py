"""The only place that puts things together: settings, models, knowledge, conversations and the graph."""

from __future__ import annotations

import os
import threading
import uuid
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from assistant.answering import context_for
from assistant.config import Settings
from assistant.database import open_database
from assistant.documentation import load_documentation
from assistant.examples import Examples
from assistant.facts import Facts
from assistant.feedback import Feedback
from assistant.grades.grading import Grading
from assistant.improving.watch import Watch
from assistant.knowledge.catalogue import Catalogue
from assistant.outcomes_seen import OutcomesSeen
from assistant.people.accounts import People
from assistant.people.caller import current
from assistant.people.tokens import Tokens
from assistant.records import Consent, Request, Vote
from assistant.repeats import Repeats
from assistant.resources import Lazy, Progress, Resources
from assistant.routing import HomeRouter
from assistant.run_log import Recorder, RunLog
from assistant.service import private_folder
from assistant.shelf import Shelf
from assistant.stores import close, open_saver, open_store
from assistant.threads import Threads
from assistant.tool_runs import ToolRuns
from assistant.tools import Tools
from assistant.traces import Traces
from assistant.turn import Ended, TurnRun
from assistant.validation import check_form, check_path, check_question, check_whole
from assistant.watching.metrics import Metrics
from graphs.answer import PATHS, Answer, Path
from graphs.errors import CrossroadsError, NotFoundError, StoreError, UsageError
from graphs.events import Event, Status

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from sqlalchemy.engine import Engine

    from assistant.knowledge.base import KnowledgeBase

os.environ.setdefault(
    "LANGGRAPH_STRICT_MSGPACK", "true"
)  # read when langgraph is imported: no class is rebuilt by name

Tell = Callable[[Event], None]


class Assistant:
    """Answers questions, and keeps conversations, votes and documents of one home. Close it when done."""

    def __init__(
        self, settings: Settings, resources: Resources, engine: Engine, saver: BaseCheckpointSaver[Any]
    ) -> None:
        from graphs.chat import build_chat_graph

        self.settings = settings
        self.resources = resources
        self.threads = Threads(engine, saver, private_folder(settings.home, "run"))
        self.feedback = Feedback(engine)
        self.watch = Watch(engine, settings)
        self.people = People(engine, settings, lambda person: self.facts.hand_over(person))
        self.tokens = Tokens(engine)
        self.grading = Grading(engine, settings, self.feedback)
        self.router = HomeRouter(lambda: self.resources.router.get(), OutcomesSeen(self.grading, self.feedback))
        self.catalogue = Catalogue(engine)
        self.examples = Examples(engine, lambda: self.resources.knowledge.get())
        self.repeats = Repeats(settings.answering.repeats)
        self._store = open_store(settings)
        self.facts = Facts(self._store)
        self.tool_runs = ToolRuns(engine)
        self.run_log = RunLog(engine, settings.answering.kept_runs)
        self.traces = Traces(settings)
        self.tools = Tools(self)
        self.documentation = Lazy(lambda: load_documentation(engine, self.knowledge))
        self.warmed = threading.Event()
        """Set when everything was loaded in the background, or could not be."""
        self.metrics = Metrics()
        self.ended: list[Ended] = [self.metrics.turn_ended]
        """Who is told of every turn that is over."""
        self._engine = engine
        self._saver = saver
        self._graph = build_chat_graph(saver)
        self._graph_without_memory = build_chat_graph()
        self._running: weakref.WeakSet[TurnRun] = weakref.WeakSet()

    @property
    def knowledge(self) -> KnowledgeBase:
        """The knowledge base; what is loaded is listed at once, the rest opens it, models and all, when first used."""
        return cast("KnowledgeBase", Shelf(self.settings, self.catalogue, self.resources.knowledge))

    def models(self) -> list[str]:
        """The chat models a picker offers: those set, those of the catalogue, those trained here."""
        from assistant.models import CATALOGUE

        set_here = [self.settings.models.chat, self.settings.models.tuned, self.settings.models.fallback]
        known = [f"local:{name}" for name, model in CATALOGUE.items() if model.kind == "chat"]
        trained = [f"local:{name}" for name in self._live_chat_models()]
        return list(dict.fromkeys(name for name in [*set_here, *known, *trained] if name))

    def paths(self) -> dict[Path, str]:
        """Each path that can be asked for, and why it cannot be taken now; empty where it can."""
        tuned = "" if self.settings.models.tuned else "no tuned model is set (models.tuned)."
        documents = self._why_no_documents()
        why = {"tuned": tuned, "rag": documents, "tuned_rag": tuned or documents}
        return {path: why.get(path, "") for path in PATHS if path != "clarify"}

    def stream(self, request: Request, cancel: threading.Event | None = None) -> TurnRun:
        """Answer a question: an iterator of events, the last is `Final` or `Failed`. Setting `cancel` stops the turn.

        Raises `UsageError`, `NotFoundError`, `BusyError` or `StorageError` at once where the request cannot be taken.
        """
        self._check(request)
        cancel = cancel or threading.Event()
        run = self._kept_run(request, cancel) if request.history is None else self._loose_run(request, cancel)
        return self._begin(run)

    def ask(self, request: Request, cancel: threading.Event | None = None) -> Answer:
        """Answer a question and wait for it. Raises the `CrossroadsError` the turn failed with."""
        run = self.stream(request, cancel)
        try:
            for _ in run:
                pass
        finally:
            run.close()
        if run.error:
            raise run.error
        return cast(Answer, run.answer)

    def vote(self, vote: Vote, answer: Answer, question: str) -> Vote:
        """Keep a vote; a good answer becomes a worked example, a bad one stops being one."""
        stored = self.feedback.record(vote, answer, question)
        self.watch.voted(answer.answer_id, vote.vote)
        self.router.forget(answer.answer_id)
        self.repeats.clear()
        self.metrics.votes.labels(vote.vote).inc()
        try:
            if vote.vote == "up":
                self.examples.learn(question, answer, "vote")
            else:
                self.examples.unlearn(answer.answer_id)
        except StoreError as error:  # the vote counts all the same
            self.resources.tell(f"The example was not kept: {error}")
        return stored

    def resume(self, consent: Consent, cancel: threading.Event | None = None) -> TurnRun:
        """Go on with a turn that waits for a person's consent. Raises `NotFoundError` where none waits."""
        cancel = cancel or threading.Event()
        run = self._resumed_run(consent, cancel)
        return self._begin(run)

    def replay(
        self, thread_id: str, question_id: str = "", node: str = "", cancel: threading.Event | None = None
    ) -> TurnRun:
        """Run a stored turn again, from `node` on where one is named, in a new conversation.

        Raises `NotFoundError` where the turn or the step is not remembered.
        """
        from assistant.replay import start_of

        self.threads.get(thread_id)
        values, before = start_of(self, thread_id, question_id, node)
        cancel = cancel or threading.Event()
        request = Request(question=values["question"], path=values["forced"], **values.get("asked", {}))
        run = self._replayed_run(request, cancel, values, before)
        return self._begin(run)

    def warm(self) -> None:
        """Load in the background what the first question will need."""
        threading.Thread(target=self._warm, name="warm", daemon=True).start()

    def waiting(self) -> dict[str, str]:
        """What is not loaded yet, or why it could not be; empty when everything is there."""
        waiting = self.resources.waiting()
        if not self.documentation.ready:
            waiting["documentation"] = str(self.documentation.error or "still loading")
        return waiting

    def not_ready(self) -> dict[str, str]:
        """As `waiting`, and whether the store answers now."""
        waiting = self.waiting()
        if not waiting:
            store = self.resources.knowledge.get().store
            if not store.ready():
                waiting["store"] = f"{store.kind} at {store.url or 'the home'} does not answer"
        return waiting

    def stop(self) -> None:
        """Stop every turn under way; what was written is kept."""
        for run in list(self._running):
            run.stop()

    def close(self) -> None:
        """Stop what is under way, then let go of models, store and databases."""
        self.stop()
        for run in list(self._running):
            run.join()
        self.traces.close()
        self.resources.close()
        close(self._saver)
        close(self._store)
        self._engine.dispose()

    def __enter__(self) -> Assistant:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _warm(self) -> None:
        self.resources.warm()
        if self.resources.knowledge.ready:
            try:
                self.documentation.get()
            except CrossroadsError as error:
                self.resources.tell(f"documentation: {error}")
            self.knowledge.work_in_background()
        self.warmed.set()

    def _begin(self, run: TurnRun) -> TurnRun:
        self._running.add(run)
        return run.start(self.ended)

    def _check(self, request: Request) -> None:
        check_question(request.question, self.settings.answering.max_question_chars)
        check_whole(request)
        check_form(request)
        if request.path != "auto":
            check_path(request, self.paths())
        if request.model:
            from assistant.providers import check

            check(request.model, self.settings)
            _check_choice(request.model, self.models())
        if request.collection and request.collection != self.settings.knowledge.collection:
            known = self.knowledge.collections()
            if request.collection not in known:
                names = ", ".join(known) or "none yet"
                raise NotFoundError(f"There is no collection {request.collection!r}.", f"There are: {names}.")
        if request.thread_id:
            self.threads.get(request.thread_id)

    def _live_chat_models(self) -> list[str]:
        from training.registry import Registry

        folder = self.settings.home / "models"
        registry = Registry(folder)
        live = [registry.live(name) for name in registry.names()] if folder.is_dir() else []
        return [version.name for version in live if version and version.kind in ("chat", "adapter")]

    def _why_no_documents(self) -> str:
        """Why no documents can be asked, as far as that is known: a new home loads its documentation first."""
        return "no documents are loaded." if self.documentation.ready and not self.catalogue.counts() else ""

    def _kept_run(self, request: Request, cancel: threading.Event) -> TurnRun:
        """A turn of a stored conversation. Its rows are written before it begins."""
        replaces = self.threads.from_question_on(request.thread_id, request.replace) if request.replace else []
        thread_id = request.thread_id or self.threads.create(request.question)
        request = request.model_copy(update={"thread_id": thread_id})  # which model answers depends on it
        release = self.threads.take(thread_id)
        question_id = uuid.uuid4().hex
        try:
            self.threads.begin(thread_id, question_id, request.question, replaces)
        except BaseException:
            release()
            raise

        def work(tell: Tell) -> Answer:
            before = list(self.threads.messages(thread_id)) if replaces else []
            try:
                return self._answer_kept(request, cancel, tell, thread_id, question_id, _removals(before, replaces))
            except BaseException:
                self.threads.fail(question_id)
                if before:
                    self._restore(thread_id, before)
                raise

        return TurnRun(thread_id, cancel, work, release)

    def _resumed_run(self, consent: Consent, cancel: threading.Event) -> TurnRun:
        thread_id = consent.thread_id
        release = self.threads.take(thread_id)
        try:
            question_id, request = self.threads.waiting(thread_id)
        except BaseException:
            release()
            raise

        def work(tell: Tell) -> Answer:
            from langgraph.types import Command

            go_on: Any = Command(resume={"approved": consent.approved})
            return self._finish_kept(request, cancel, tell, thread_id, question_id, go_on)

        return TurnRun(thread_id, cancel, work, release)

    def _replayed_run(self, request: Request, cancel: threading.Event, values: dict[str, Any], before: str) -> TurnRun:
        thread_id, question_id = self.threads.create(f"Again: {request.question}"), str(values["question_id"])
        release = self.threads.take(thread_id)
        self.threads.begin(thread_id, question_id, request.question)
        config: Any = {"configurable": {"thread_id": thread_id}}

        def work(tell: Tell) -> Answer:
            from langgraph.runtime import Runtime

            start: Any = values
            if before:
                runtime = Runtime(context=context_for(self, request, cancel))  # what chooses the next step reads it
                known = {**config["configurable"], "__pregel_runtime": runtime}
                self._graph.update_state({"configurable": known}, values, as_node=before)
                start = None
            return self._finish_kept(request, cancel, tell, thread_id, question_id, start)

        return TurnRun(thread_id, cancel, work, release)

    def _answer_kept(
        self,
        request: Request,
        cancel: threading.Event,
        tell: Tell,
        thread_id: str,
        question_id: str,
        changes: list[Any],
    ) -> Answer:
        values = self._input(request, question_id, changes)
        return self._finish_kept(request, cancel, tell, thread_id, question_id, values)

    def _finish_kept(
        self, request: Request, cancel: threading.Event, tell: Tell, thread_id: str, question_id: str, values: Any
    ) -> Answer:
        options: dict[str, Any] = {"config": {"configurable": {"thread_id": thread_id}}}
        # A killed turn is shown as interrupted, whatever of it was kept; so its steps are saved once, at its end, which
        # saves a fifth of its time. A turn that acts saves each: no kill makes it ask for the same consent again.
        options["durability"] = "exit" if isinstance(values, dict) else "sync"
        answer = self._run(self._graph, values, request, cancel, tell, (thread_id, question_id), **options)
        answer = answer.model_copy(update={"thread_id": thread_id})
        if not answer.pending:  # a turn that waits for consent keeps its steps, to go on from them
            self.threads.finish(question_id, answer)
            self.watch.saw(answer)
        return answer

    def _loose_run(self, request: Request, cancel: threading.Event) -> TurnRun:
        """A turn of a conversation its caller keeps: nothing is stored."""
        from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

        kinds: dict[str, Any] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
        messages = [kinds[message.role](message.content) for message in request.history or []]
        values = self._input(request, uuid.uuid4().hex, messages)
        return TurnRun(
            "", cancel, lambda tell: self._run(self._graph_without_memory, values, request, cancel, tell), lambda: None
        )

    def _input(self, request: Request, question_id: str, messages: list[Any]) -> dict[str, Any]:
        asked = {"collection": request.collection, "model": request.model}
        values: dict[str, Any] = {"question": request.question, "question_id": question_id, "forced": request.path}
        values |= {"labels": request.labels, "form": request.form}
        values["asked"] = asked
        return values | {"answer_id": uuid.uuid4().hex} | ({"messages": messages} if messages else {})

    def _run(
        self,
        graph: Any,
        values: Any,
        request: Request,
        cancel: threading.Event,
        tell: Tell,
        turn: tuple[str, str] = ("", ""),
        **options: Any,
    ) -> Answer:
        if waiting := self.waiting():
            tell(Status(text=f"loading: {', '.join(waiting)}"))
            self.resources.warm_chats()  # beside the documents, which are opened here
        context = context_for(self, request, cancel)
        recorder = Recorder(values, context.meter)
        config = {**options.pop("config", {}), "callbacks": [context.meter]}
        modes = ["custom", "values", "updates"]
        state: dict[str, Any] = {}
        try:
            for mode, item in graph.stream(values, config, context=context, stream_mode=modes, **options):
                if mode == "custom":
                    tell(item)
                elif mode == "updates":
                    recorder.take(item)
                else:
                    state = item
        except BaseException as error:
            recorder.broke(error)
            raise
        finally:
            self._remember(turn, recorder)
        waiting_for = state.get("__interrupt__")
        return Answer.model_validate(waiting_for[0].value if waiting_for else state["answer"])

    def _remember(self, turn: tuple[str, str], recorder: Recorder) -> None:
        """Keep a turn's steps; that they cannot be kept does not undo the turn."""
        try:
            if turn[0]:
                self.run_log.store(*turn, recorder.steps)
            self.traces.export(recorder.steps)
        except CrossroadsError as error:
            self.resources.tell(f"The steps of the turn were not kept: {error}")

    def _restore(self, thread_id: str, messages: list[Any]) -> None:
        """Put a conversation's messages back as they were."""
        from langchain_core.messages import RemoveMessage
        from langgraph.graph.message import REMOVE_ALL_MESSAGES
        from langgraph.runtime import Runtime

        values = {"messages": [RemoveMessage(REMOVE_ALL_MESSAGES), *messages]}
        known = {"thread_id": thread_id, "__pregel_runtime": Runtime(context=None)}  # nothing follows that reads it
        self._graph.update_state({"configurable": known}, values, as_node="finish")


def open_assistant(settings: Settings, *, progress: Progress | None = None, warm: bool = False) -> Assistant:
    """The assistant of a home; opens in an instant, models load when needed or, with `warm`, in the background now.

    `progress` is told what is being loaded. Raises `StorageError` where the home cannot be used.
    """
    private_folder(settings.home, "run")
    assistant = Assistant(settings, Resources(settings, progress), open_database(settings), open_saver(settings))
    if warm:
        assistant.warm()
    return assistant


def _check_choice(model: str, offered: Sequence[str]) -> None:
    """Who may not look after models takes one that is offered: a name can be any folder or any paid service."""
    if "models" not in current().may and model not in offered:
        raise UsageError(f"The model {model!r} is not offered here.", f"Choose one of {', '.join(offered)}.")


def _removals(messages: list[Any], replaced: Sequence[str]) -> list[Any]:
    """What takes the replaced questions, and everything after the first of them, out of the messages."""
    from langchain_core.messages import RemoveMessage

    first = next((index for index, message in enumerate(messages) if message.id in replaced), len(messages))
    return [RemoveMessage(str(message.id)) for message in messages[first:]]
