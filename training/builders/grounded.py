"""Questions with evidence, distractors and refusals from documents; each row passes checks before a person sees it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from eval.squad import f1, normalise
from graphs.context import Checker, Reader
from graphs.words import content_words, sentence_spans, words
from training.tuning.texts import REFUSAL

LEAST_ANSWERABLE = 0.5
"""What the reader must give the question on its own passage."""
MOST_ANSWERABLE = 0.2
"""What it may give a distractor of a refusal."""
_DEFINES = re.compile(
    r"^(?:An?\s+|The\s+)?([\w`-]+(?:[ -][\w`-]+){0,4}) (is|are|means) (?:an?|the|what|how|when|one|any)\b"
)
_POINTS = frozenset("it this that these those there here they he she what which such".split())


@dataclass(frozen=True)
class Source:
    """A passage questions are made of."""

    document: str
    text: str
    start: int = 0
    end: int = 0
    """Where it stands in the document."""

    def shares_with(self, other: Source) -> bool:
        """Whether two passages hold some of the same words of one document."""
        return self.document == other.document and self.start < other.end and other.start < self.end


@dataclass
class Candidate:
    """A row before a person has seen it: as `sft` and `reranker` read it, and what the checks said."""

    id: str
    question: str
    passages: list[str]
    answer: str
    gold: list[int]
    """Which passages hold the answer; empty in a refusal."""
    document: str
    checks: dict[str, float] = field(default_factory=dict)

    def as_row(self) -> dict[str, Any]:
        """For JSON Lines."""
        return asdict(self)


Propose = Callable[[str], Iterable[tuple[str, str]]]
"""From a passage to questions with their answers."""
Search = Callable[[str], Sequence[Source]]
"""From a question to passages of the same documents, best first."""


@dataclass
class Tools:
    """What rows are made and judged with."""

    propose: Propose
    search: Search
    reader: Reader
    checker: Checker
    distractors: int = 3
    refusals: float = 0.3
    """Share of the questions that also become a refusal: the same question without its evidence."""


def build(sources: Iterable[Source], tools: Tools, rejected: Callable[[str, str], None]) -> Iterator[Candidate]:
    """Rows that passed every check; `rejected` is told question and reason of the others."""
    seen: set[str] = set()
    for source in sources:
        for question, answer in tools.propose(source.text):
            if normalise(question) in seen:
                rejected(question, "it was asked before")
                continue
            seen.add(normalise(question))
            why, checks = _judge(question, answer, source, tools)
            if why:
                rejected(question, why)
                continue
            others = _others(question, source, tools)
            yield _row(question, answer, source, others, checks)
            if _drawn(question, tools.refusals) and (bare := _refusal(question, source, others, tools)):
                yield bare


def definitions(text: str) -> Iterator[tuple[str, str]]:
    """Questions from sentences that say what something is: `X is a …` answers `What is X?`. No model is needed."""
    for start, end in sentence_spans(text):
        sentence = " ".join(text[start:end].split())
        found = _DEFINES.match(sentence)
        if not found or not 6 <= len(words(sentence)) <= 45:
            continue
        name, verb = found[1].strip("`"), found[2]
        if name.split()[0].lower() in _POINTS or not content_words(name):
            continue
        asked = f"What does {name} mean?" if verb == "means" else f"What {verb} {_lower(name)}?"
        yield asked, sentence


def by_model(write: Callable[[str], str], most: int = 2) -> Propose:
    """Questions a chat model writes: `write` gives its reply to a prompt. Lines `Q: …` and `A: …` are read."""

    def propose(text: str) -> Iterator[tuple[str, str]]:
        reply = write(_ASK.format(most=most, text=text))
        for number, (question, answer) in enumerate(re.findall(r"Q:\s*(.+?)\s*\n+\s*A:\s*(.+)", reply)):
            if number < most:
                yield question.strip(), answer.strip()

    return propose


_ASK = (
    "Write {most} questions that a reader might ask and that this text answers, each with its answer in one short "
    "sentence taken from the text. A question must be understood without the text. Write each as two lines, "
    "`Q: question` and `A: answer`, and nothing else.\n\nText:\n{text}"
)


def _judge(question: str, answer: str, source: Source, tools: Tools) -> tuple[str, dict[str, float]]:
    """Why a question is refused, or nothing; and the figures behind it."""
    if not question.endswith("?") or not 3 <= len(words(question)) <= 30:
        return "it is not a question of 3 to 30 words", {}
    if not words(answer) or answer == REFUSAL:
        return "it has no answer", {}
    if normalise(answer) in normalise(question):
        return "the question gives its answer away", {}
    grounding = tools.checker.check(answer, [source.text])
    reading = tools.reader.read(question, [source.text])[0]
    checks = {"supported": round(grounding.score, 4), "answerable": round(reading.answerable, 4)}
    checks["span_f1"] = round(f1(reading.text, [answer]), 4)
    if grounding.label != "supported":
        return "its answer is not supported by the passage", checks
    if reading.answerable < LEAST_ANSWERABLE:
        return "the reader finds no answer in the passage", checks
    if not content_words(reading.text) & content_words(answer):
        return "the reader finds another answer in the passage", checks
    return "", checks


def _others(question: str, source: Source, tools: Tools) -> list[str]:
    """Passages near the question that do not answer it."""
    near = [one for one in tools.search(question) if not one.shares_with(source) and one.text != source.text]
    readings = tools.reader.read(question, [one.text for one in near]) if near else []
    kept = [one.text for one, reading in zip(near, readings, strict=True) if reading.answerable < LEAST_ANSWERABLE]
    return kept[: tools.distractors]


def _row(question: str, answer: str, source: Source, others: list[str], checks: dict[str, float]) -> Candidate:
    place = int(_digest(question), 16) % (len(others) + 1)
    passages = [*others[:place], source.text, *others[place:]]
    said = f"{answer.rstrip()} [{place + 1}]"
    return Candidate(_digest(question), question, passages, said, [place], source.document, checks)


def _refusal(question: str, source: Source, others: list[str], tools: Tools) -> Candidate | None:
    """The question with its distractors alone, where the reader is sure that none of them answers."""
    if not others:
        return None
    best = max(reading.answerable for reading in tools.reader.read(question, others))
    if best > MOST_ANSWERABLE:
        return None
    checks = {"answerable": round(best, 4)}
    return Candidate(_digest(question + "#refuse"), question, others, REFUSAL, [], source.document, checks)


def _drawn(question: str, share: float) -> bool:
    """A draw that falls out the same each time."""
    return int(_digest(question)[:8], 16) / 2**32 < share


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _lower(name: str) -> str:
    """A name within a sentence: small at its beginning unless it is written large throughout."""
    return name[0].lower() + name[1:] if len(name) > 1 and name[1].islower() and name.split()[0] != "I" else name


def passages(document: str, text: str, most: int = 160) -> Iterator[Source]:
    """A document in passages of whole paragraphs with at most `most` words, a longer paragraph by itself."""
    start = end = 0
    for found in re.finditer(r"\S(?:.|\n(?!\s*\n))*", text):
        if end > start and len(text[start : found.end()].split()) > most:
            yield Source(document, text[start:end], start, end)
            start = found.start()
        elif end == start:
            start = found.start()
        end = found.end()
    if end > start:
        yield Source(document, text[start:end], start, end)
