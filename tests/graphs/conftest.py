"""Small stand-ins for what a run may use: a scripted model, a retriever over given texts, a word-matching checker."""

from __future__ import annotations

import math
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from graphs.answer import Answer, Grounding, SentenceSupport
from graphs.chat import build_chat_graph
from graphs.context import Context, Corpus, Limits, Reading
from graphs.errors import StoreError
from graphs.words import content_words, coverage, sentence_spans


class Scripted(BaseChatModel):
    """Says its lines in turn, a word at a time; an exception among them is raised."""

    lines: list[Any]
    asked: list[list[BaseMessage]]
    options: list[dict[str, Any]]
    on_word: Callable[[int], None] | None = None
    closed: int = 0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _next(self, messages: Sequence[BaseMessage], options: dict[str, Any]) -> str:
        self.asked.append(list(messages))
        self.options.append(options)
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return str(line)

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **options: Any
    ) -> ChatResult:
        text = self._next(messages, options)
        return ChatResult(generations=[ChatGeneration(message=AIMessageChunk(text))])

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **options: Any
    ) -> Iterator[ChatGenerationChunk]:
        text = self._next(messages, options)
        try:
            for number, word in enumerate(text.split(" ")):
                if self.on_word:
                    self.on_word(number)
                yield ChatGenerationChunk(message=AIMessageChunk(word if number == 0 else f" {word}"))
        finally:
            self.closed += 1


class Shelf(BaseRetriever):
    """Finds the texts it was given, always."""

    texts: list[tuple[str, float]]
    failure: Exception | None = None
    asked: list[str]

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        self.asked.append(query)
        if self.failure:
            raise self.failure
        return [self._document(number, *found) for number, found in enumerate(self.texts)]

    def _document(self, number: int, text: str, similarity: float) -> Document:
        fields = {
            "chunk_id": f"c{number}", "document_id": f"d{number}", "source": f"{number}.md", "title": f"Title {number}",
            "start": 100, "end": 100 + len(text), "page": None, "heading": "", "score": 1.0, "similarity": similarity,
        }  # fmt: skip
        return Document(text, metadata=fields)


class WordChecker:
    """A sentence is supported when every content word of it stands in the evidence."""

    def check(self, text: str, evidence: Sequence[str]) -> Grounding:
        sentences = []
        for start, end in sentence_spans(text):
            score = coverage(text[start:end], evidence)
            sentences.append(
                SentenceSupport(text=text[start:end], start=start, end=end, score=score, supported=score == 1.0)
            )
        share = sum(sentence.supported for sentence in sentences) / len(sentences) if sentences else 0.0
        label = "supported" if share == 1.0 else "partly" if share else "unsupported"
        return Grounding(score=share, label=label, sentences=sentences)


class WordEncoder:
    """Unit vectors of word counts, hashed: texts that share words are alike, texts that share none are not."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        counts = [0.0] * 512
        for word in content_words(text):
            counts[zlib.crc32(word.encode()) % 512] += 1.0
        length = math.sqrt(sum(count * count for count in counts)) or 1.0
        return [count / length for count in counts]


class WordReader:
    """A passage answers when it shares a content word with the question: its first sentence that does."""

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        return [self._reading(content_words(question), passage) for passage in passages]

    def _reading(self, wanted: set[str], passage: str) -> Reading:
        for start, end in sentence_spans(passage):
            if wanted & content_words(passage[start:end]):
                return Reading(answerable=0.9, start=start, end=end, text=passage[start:end])
        return Reading(answerable=0.1, start=0, end=0, text="")


class Talk:
    """A conversation on a graph with a saver, driven turn by turn."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", check_same_thread=False)
        saver = SqliteSaver(
            self.connection, serde=JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None)
        )
        self.graph = build_chat_graph(saver)
        self.config: Any = {"configurable": {"thread_id": "t"}}
        self.turns = 0

    def ask(self, context: Context, question: str, forced: str = "auto", **state: Any) -> Answer:
        self.events = list(self.stream(context, question, forced, **state))
        return Answer(**self.graph.get_state(self.config).values["answer"])

    def stream(self, context: Context, question: str, forced: str = "auto", **state: Any) -> Iterator[Any]:
        self.turns += 1
        turn = {
            "question": question, "forced": forced, "question_id": f"q{self.turns}", "answer_id": f"a{self.turns}",
            **state,
        }  # fmt: skip
        return self.graph.stream(turn, self.config, context=context, stream_mode="custom", durability="sync")  # type: ignore[arg-type]


@pytest.fixture
def talk() -> Iterator[Talk]:
    talk = Talk()
    yield talk
    talk.connection.close()


@pytest.fixture
def make_context() -> Callable[..., Context]:
    def make(*lines: Any, texts: Sequence[tuple[str, float]] = (), **changes: Any) -> Context:
        retriever = Shelf(texts=list(texts), asked=[]) if texts else None
        fields: dict[str, Any] = {
            "chat": Scripted(lines=list(lines), asked=[], options=[]),
            "model_name": "fake:scripted",
            "corpus": Corpus("documents", len(texts), len(texts), "memory"),
            "checker": WordChecker(),
            "encoder": WordEncoder(),
            "retriever": retriever,
            "reader": WordReader(),
            "limits": Limits(),
            "cancel": threading.Event(),
        }
        return Context(**{**fields, **changes})

    return make


@pytest.fixture
def broken_store() -> BaseRetriever:
    return Shelf(texts=[], failure=StoreError("The store at x does not answer.", "Start it."), asked=[])
