"""The values an answer is made of. Field names are a contract: JSON everywhere uses the same names."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Path = Literal["zero_shot", "few_shot", "rag", "tuned", "tuned_rag", "tools", "clarify"]
PATHS: tuple[Path, ...] = get_args(Path)

SupportLabel = Literal["supported", "partly", "unsupported"]


class Record(BaseModel):
    """A frozen value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Expected(Record):
    """What a path is expected to take, from measured runs on this machine."""

    seconds: float
    cost_usd: float = 0.0


class RouteDecision(Record):
    """Which path was taken, and the true reason in one sentence a user understands."""

    path: Path
    reason: str
    confidence: float = Field(ge=0, le=1)
    scores: dict[Path, float] = {}
    forced: bool = False
    learned: bool = False
    """Whether the scores are chances learned from measured outcomes; else they follow from rules."""
    seen: dict[str, float] = {}
    """What the choice was made from (`graphs.seen`); empty where a rule was enough."""
    expected: dict[Path, Expected] = {}


def place_words(part: str, line_name: str, first: int, last: int) -> str:
    """A place in words: `sheet Orders, row 12`, `lines 3–9`."""
    several = f"{line_name[:-1]}ies" if line_name.endswith("y") else f"{line_name}s"
    lines = f"{line_name} {first}" if first == last else f"{several} {first}–{last}"
    return f"{part}, {lines}" if part else lines


class Passage(Record):
    """A chunk of a stored document as retrieval returned it."""

    chunk_id: str
    document_id: str
    source: str
    title: str
    text: str
    start: int
    """Offset of the first character in the document's stored text."""
    end: int
    """Offset behind the last character: `document.text[start:end] == text`."""
    page: int | None = None
    heading: str = ""
    """The heading path the chunk stands under, such as `Warranty › Duration`."""
    score: float = 0.0
    """The fused retrieval score: comparable within one search only."""
    similarity: float = 0.0
    """Cosine between question and chunk, comparable across searches."""
    part: str = ""
    """The page, slide, sheet or chapter it begins on, such as `slide 3`; empty where its format has none."""
    line: int | None = None
    """Number of its first line in that part, where lines are rows, records or lines of code."""
    line_name: str = ""
    """What such a line is called: `row`, `record`, `line`."""

    def place(self, low: int = 0, high: int | None = None) -> str:
        """Where its characters from `low` to `high` stand in the file: `sheet Orders, row 12`."""
        if self.line is None:
            return self.part
        end = len(self.text) if high is None else high
        first = self.line + self.text.count("\n", 0, low)
        return place_words(self.part, self.line_name, first, first + self.text.count("\n", low, max(low, end - 1)))


class Citation(Record):
    """Where a marker in the answer points: a span of a stored document."""

    marker: str
    chunk_id: str
    document_id: str
    source: str
    title: str
    page: int | None
    start: int
    end: int
    snippet: str
    """Exactly the stored text between `start` and `end`."""
    score: float
    place: str = ""
    """Where that is, in words: `p. 4`, `slide 3`, `sheet Orders, row 12`; empty where the format has no such places."""


class TableAnswer(Record):
    """What computing on a table gave, or that the table does not hold what was asked."""

    table: str
    """The table as people know it."""
    text: str
    citations: list[Citation] = []
    abstained: bool = False


class SentenceSupport(Record):
    """One sentence of an answer and how well the evidence carries it."""

    text: str
    start: int
    end: int
    score: float
    supported: bool


class Grounding(Record):
    """Is the text supported by its evidence, as a whole and by sentence."""

    score: float = Field(ge=0, le=1)
    label: SupportLabel
    sentences: list[SentenceSupport] = []


class Usage(Record):
    """Tokens and money one answer took; local models cost nothing."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0


class Timing(Record):
    """Milliseconds, by phase."""

    total: float = 0.0
    route: float = 0.0
    retrieve: float = 0.0
    first_token: float = 0.0
    generate: float = 0.0
    verify: float = 0.0


class Evidence(Record):
    """A passage that was looked at, and whether the answer was allowed to use it."""

    passage: Passage
    kept: bool
    why: str
    """Why it was kept or dropped, in a few words."""


class PromptRef(Record):
    """Which prompt produced the answer."""

    name: str
    version: str
    sha256: str


class Example(Record):
    """A worked example that was put in the prompt."""

    example_id: str
    task: str
    """What it is an example of: `answer`, or a task of `graphs.tasks`."""
    input: str
    output: str
    similarity: float = 0.0
    """Cosine between its input and what was asked."""


class Voted(Record):
    """The label that worked examples alone give a text."""

    label: str
    lead: float
    """How far its score is ahead of the next label's, 0–1."""
    voters: int
    """How many examples had a say."""
    examples: list[Example]
    """The nearest of them, the nearest last."""


class Step(Record):
    """Something the run did on the way to its answer, in a user's words."""

    name: str
    text: str


class Approval(Record):
    """A use of a tool that waits for a person's consent. Nothing has run yet."""

    call_id: str
    tool: str
    arguments: dict[str, Any] = {}


class Answer(Record):
    """What one turn produced: what the UI shows, the API returns and evaluation scores."""

    text: str
    route: RouteDecision
    citations: list[Citation] = []
    grounding: Grounding | None = None
    abstained: bool = False
    model: str = ""
    usage: Usage = Usage()
    timing: Timing = Timing()
    thread_id: str = ""
    answer_id: str = ""
    quoted: bool = False
    """True where the text is a quotation of the best passage instead of the model's own words."""
    stopped: bool = False
    """True where the user stopped the answer: the text is what had been written by then."""
    question: str = ""
    """The question as it was searched for: a follow-up turned into one that stands alone."""
    evidence: list[Evidence] = []
    notices: list[str] = []
    """What the user must know: a fallback model in use, a store out of reach, a memory not checked."""
    prompt: PromptRef | None = None
    task: str = ""
    """What was done with the text of the message, as `graphs.tasks` names it; empty for a question."""
    examples: list[Example] = []
    """The worked examples the model was shown."""
    data: dict[str, Any] | None = None
    """What an extraction found, as an object of the schema asked for."""
    steps: list[Step] = []
    """What was tried, in order: a query rewritten, a path left for the next, a sentence taken back."""
    partial: bool = False
    """True where the budget for the answer was used up before it was done; `notices` says which part of it."""
    arm: Literal["", "live", "canary"] = ""
    """`canary` where a candidate on trial answered, `live` where the model in use did; empty for a model asked for by
    name, a tool or a calculation."""
    repeated: bool = False
    """True where the same question was answered before, and this is that answer."""
    pending: list[Approval] = []
    """What waits for a person's consent before the turn goes on; empty in every finished answer."""
