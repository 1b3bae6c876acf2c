"""What a run may use. Everything reaches the graph through LangGraph's runtime context."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever

from graphs.answer import Answer, Example, Expected, Grounding, Passage, Path, Record, TableAnswer, Voted
from graphs.effort import Effort
from graphs.meter import Meter
from graphs.tools.box import Ledger, ToolBox
from graphs.tools.builtin import computing_tools


class Reading(Record):
    """What a reader found in one passage for one question."""

    answerable: float
    """Chance in 0–1 that the passage answers the question."""
    start: int
    end: int
    """Span of the best answer, as offsets into the passage's text; `start == end` where there is none."""
    text: str


class Reader(Protocol):
    """Finds where a passage answers a question (extractive question answering, SQuAD 2.0's task)."""

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """One reading for each passage, in their order."""
        ...


class Checker(Protocol):
    """Judges whether evidence supports a text, sentence by sentence."""

    def check(self, text: str, evidence: Sequence[str]) -> Grounding:
        """The grounding of `text`; with no evidence every sentence is unsupported."""
        ...


class Encoder(Protocol):
    """Unit vectors for texts; LangChain's `Embeddings` is one."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text."""
        ...

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        ...


class Examples(Protocol):
    """Worked examples a user keeps, by task."""

    def vote(self, task: str, text: str, labels: Sequence[str], most: int) -> Voted | None:
        """The label the examples give, and at most `most` to show; None where they do not cover every label."""
        ...

    def find(self, task: str, text: str, most: int, labels: Sequence[str] = ()) -> list[Example]:
        """At most `most` examples near to `text` and unlike each other, the nearest last.

        With `labels` only examples whose output is one of them.
        """
        ...

    def nearest(self, task: str, text: str) -> float:
        """Cosine of the nearest example of a task; 0 where there is none."""
        ...


class Router(Protocol):
    """Says how likely each path answers a request well."""

    @property
    def model(self) -> str:
        """The chat model whose paths it knows."""
        ...

    @property
    def expected(self) -> Mapping[Path, Expected]:
        """What each path took when it was learned."""
        ...

    @property
    def own_words(self) -> float | None:
        """How often the model's own words stood in its answers from documents, 0–1; None where nobody measured it."""
        ...

    def chances(self, seen: Mapping[str, float], vector: Sequence[float]) -> dict[Path, float]:
        """The chance of each path, 0–1, from what was seen of the request and its embedding."""
        ...


class Repeats(Protocol):
    """Answers given before, as long as what they rest on is as it was."""

    def find(self, asked: str) -> Answer | None:
        """The answer to the same request."""
        ...

    def keep(self, asked: str, answer: Answer) -> None:
        """Keep it for the next time."""
        ...


class Named(Record):
    """A loaded document the user named."""

    document_id: str
    source: str
    title: str
    alike: int = 1
    """How many documents are called so; this is the one loaded last."""


class Documents(Protocol):
    """Loaded documents by the name a user calls them."""

    def named(self, name: str) -> Named | None:
        """The document of that title or file name; None where there is none."""
        ...

    def text(self, document_id: str) -> str:
        """All that it says. Raises `NotFoundError`."""
        ...


class Tables(Protocol):
    """Answers questions of count, sum and filter by computing on loaded tables."""

    def answer(self, question: str) -> TableAnswer | None:
        """The answer; None where the question asks for no computation on a table there is."""
        ...


@dataclass(frozen=True)
class Corpus:
    """What retrieval looks through, in words and numbers a user understands."""

    collection: str
    documents: int
    chunks: int
    store: str


@dataclass(frozen=True)
class Limits:
    """Bounds of one run."""

    passages: int = 8
    """How many passages retrieval returns."""
    prompt_passages: int = 3
    """How many of them the model is shown."""
    answer_tokens: int = 256
    history_messages: int = 8
    clarify: bool = True
    """Whether a question that fits several documents is asked back about."""
    history_tokens: int = 1000
    """About how long the earlier messages a model is shown may be together; the rest goes in as a summary."""
    refuse: float = 0.5
    """From 0 (rather answer) to 1 (rather refuse)."""
    examples: int = 8
    """How many worked examples a few-shot prompt has at most."""
    effort: Effort = "balanced"
    memory_samples: int = 3
    """How often the model is asked again to see whether its memory agrees with itself; 0 asks once and trusts it."""


@dataclass
class Context:
    """The models, the retriever and the limits one run may use."""

    chat: BaseChatModel
    model_name: str
    corpus: Corpus
    checker: Checker
    encoder: Encoder
    arm: Literal["", "live", "canary"] = ""
    """On which side of a trial the chat model is; empty for one that was asked for by name."""
    retriever: BaseRetriever | None = None
    """None where the collection is empty or the store is out of reach (then `notices` says so)."""
    by_words: BaseRetriever | None = None
    """As `retriever`, without an embedding model; used, and told, where that one fails."""
    tables: Tables | None = None
    documents: Documents | None = None
    reader: Reader | None = None
    examples: Examples | None = None
    router: Router | None = None
    """None where rules alone choose the path."""
    repeats: Repeats | None = None
    """None where no answer is given twice."""
    tuned: BaseChatModel | None = None
    tuned_name: str = ""
    given: list[Passage] | None = None
    """Passages that stand in for retrieval (evaluation rows bring their own)."""
    limits: Limits = field(default_factory=Limits)
    expected: dict[Path, Expected] = field(default_factory=dict)
    """What each path took lately in this home; paths never taken are absent."""
    tools: ToolBox = field(default_factory=lambda: ToolBox(computing_tools()))
    facts: list[str] = field(default_factory=list)
    """What the user asked to remember, in the user's own words."""
    ledger: Ledger | None = None
    """Remembers which acting calls have begun; None where nothing is stored, and then none may be planned."""
    prices: tuple[float, float] = (0.0, 0.0)
    """US dollars for a million prompt and a million completion tokens; local models cost nothing."""
    meter: Meter = field(default_factory=Meter)
    """What the run has taken so far. Pass it among the run's callbacks, so that it hears of every model call."""
    notices: list[str] = field(default_factory=list)
    cancel: threading.Event = field(default_factory=threading.Event)
