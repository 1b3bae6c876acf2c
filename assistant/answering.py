"""What one run may use: the `Context` the graph gets for a request."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from assistant.config import Models
from assistant.improving.arms import choose
from assistant.records import Request
from graphs.answer import Passage
from graphs.errors import StoreError

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

    from assistant.app import Assistant
    from graphs.context import Context, Corpus, Documents, Limits, Repeats, Tables
    from graphs.meter import Meter

GIVEN = "given"
OUT_OF_REACH = "out of reach"
"""What stands for the store while it does not answer."""


def context_for(assistant: Assistant, request: Request, cancel: threading.Event) -> Context:
    """Models, retriever and limits for a request; loads what is missing.

    A store out of reach leaves the retriever out and says so in `notices`. Raises `ModelError` and the like.
    """
    from assistant.encoding import StandingIn
    from graphs.context import Context

    resources, models = assistant.resources, assistant.settings.models
    choice = None if request.model else choose(assistant.settings, _conversation(request))
    name = choice.name if choice else request.model
    notices: list[str] = []
    corpus, retriever = _corpus(assistant, request, notices)
    facts = [fact.text for fact in assistant.facts.list()] if request.contexts is None else []
    return Context(
        chat=resources.chat(name, choice.arm if choice else "").get(),
        model_name=name,
        arm=choice.arm if choice else "",
        corpus=corpus,
        checker=resources.checker.get(),
        encoder=StandingIn(resources.embeddings.get()),
        retriever=retriever,
        by_words=_by_words(assistant, corpus) if retriever is not None else None,
        tables=_tables(assistant, corpus) if retriever is not None else None,
        documents=_documents(assistant, corpus) if retriever is not None else None,
        reader=resources.reader.get(),
        examples=assistant.examples,
        repeats=_repeats(assistant, request, corpus, [name, choice.arm if choice else "", *facts]),
        router=assistant.router.get(),
        tuned=resources.chat(models.tuned).get() if models.tuned else None,
        tuned_name=models.tuned,
        given=_given(request.contexts) if request.contexts is not None else None,
        limits=_limits(assistant, request),
        tools=assistant.tools.box(),
        facts=facts,
        ledger=assistant.tool_runs if request.history is None else None,
        meter=_meter(assistant, name),
        expected=assistant.threads.expected(),
        prices=_prices(assistant.settings.models, name),
        notices=notices,
        cancel=cancel,
    )


def _conversation(request: Request) -> str:
    """What says that two turns are of one conversation: its id, else how it began."""
    began = next((message.content for message in request.history or [] if message.role == "user"), request.question)
    return request.thread_id or began


def _corpus(assistant: Assistant, request: Request, notices: list[str]) -> tuple[Corpus, BaseRetriever | None]:
    from graphs.context import Corpus

    collection = request.collection or assistant.settings.knowledge.collection
    if request.contexts is not None:
        return Corpus(GIVEN, len(request.contexts), len(request.contexts), "given with the question"), None
    try:
        knowledge = assistant.resources.knowledge.get()
        assistant.documentation.get()
        knowledge.health.check()
    except StoreError as error:
        notices.append(f"Your documents cannot be searched now: {error.message}")
        return Corpus(collection, 0, 0, OUT_OF_REACH), None
    stats = knowledge.stats()
    documents = stats.collections.get(collection, 0)
    store = f"{stats.kind} {stats.version}".strip()
    retriever = knowledge.retriever(collection) if documents else None
    return Corpus(collection, documents, stats.chunks, store), retriever


def _repeats(assistant: Assistant, request: Request, corpus: Corpus, known: list[str]) -> Repeats | None:
    """Answers to this question that rest on what is there now; none while the documents are out of reach.

    `known` is what the context has beside: the model's name and side in a trial, and the remembered facts.
    """
    from assistant.providers.registered import current
    from graphs.prompts import instead_now

    models, settings = assistant.settings.models, assistant.settings
    if request.contexts is not None or corpus.store == OUT_OF_REACH:
        return None
    versions = [current(name, settings) for name in (request.model or models.chat, models.tuned) if name]
    rests_on = [versions, corpus.collection, assistant.catalogue.changes(corpus.collection), corpus.store,
                assistant.examples.changes(), known, instead_now(), _limits(assistant, request)]  # fmt: skip
    return assistant.repeats.resting_on(rests_on, fresh=request.fresh or bool(request.replace))


def _by_words(assistant: Assistant, corpus: Corpus) -> BaseRetriever:
    return assistant.resources.knowledge.get().retriever(corpus.collection, by_words=True)


def _tables(assistant: Assistant, corpus: Corpus) -> Tables:
    from assistant.knowledge.tables.answer import KnowledgeTables

    return KnowledgeTables(assistant.resources.knowledge.get(), corpus.collection)


def _documents(assistant: Assistant, corpus: Corpus) -> Documents:
    from assistant.knowledge.named import KnowledgeDocuments

    return KnowledgeDocuments(assistant.resources.knowledge.get(), corpus.collection)


def _prices(models: Models, name: str) -> tuple[float, float]:
    """What the model asks for a million tokens in and out; those that run on this computer cost nothing."""
    from assistant.providers.names import parse

    if parse(name).provider in {"local", "hf", "ollama", "fake"}:
        return 0.0, 0.0
    return models.usd_per_million_in, models.usd_per_million_out


def _meter(assistant: Assistant, name: str) -> Meter:
    from graphs.meter import Budget, Meter

    budget = assistant.settings.budget
    allowed = Budget(seconds=budget.seconds, tokens=budget.tokens, cost_usd=budget.cost_usd, steps=budget.steps)
    return Meter(allowed, _prices(assistant.settings.models, name))


def _given(contexts: list[str]) -> list[Passage]:
    """Texts brought along, as passages of documents named by their place in the list."""
    return [
        Passage(
            chunk_id=f"{GIVEN}-{number}",
            document_id=f"{GIVEN}-{number}",
            source=f"{GIVEN}:{number}",
            title=f"Given text {number}",
            text=text,
            start=0,
            end=len(text),
        )
        for number, text in enumerate(contexts, start=1)
    ]


def _limits(assistant: Assistant, request: Request) -> Limits:
    from graphs.context import Limits

    answering = assistant.settings.answering
    return Limits(
        passages=assistant.settings.knowledge.passages,
        prompt_passages=answering.prompt_passages,
        answer_tokens=request.answer_tokens or answering.answer_tokens,
        history_messages=answering.history_messages,
        history_tokens=answering.history_tokens,
        clarify=answering.clarify,
        refuse=answering.refuse,
        examples=answering.examples,
        effort=request.effort or answering.effort,
    )


def store_kind(assistant: Assistant) -> str:
    """Which store is in use, for `ask --json`; empty where it is out of reach."""
    knowledge = assistant.resources.knowledge
    return knowledge.get().stats().kind if knowledge.ready else ""
