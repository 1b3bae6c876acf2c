"""Questions drafted from a person's documents, for that person to confirm: a model writes, a search must find back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.sample import Sample
from eval.scorers.gold import same
from graphs.words import content_words, sentence_spans

if TYPE_CHECKING:
    from assistant.app import Assistant

_PROMPT = """Write one question that the sentence answers. Write the question alone.

Sentence: The warranty lasts 24 months from the date of delivery.
Question: How long does the warranty last?

Sentence: Orders above 50 euros are shipped free of charge within the country.
Question: From which amount on is shipping free of charge?

Sentence: {sentence}
Question:"""
_TRIES = 4
"""Sentences tried for each question wanted."""


@dataclass(frozen=True)
class _Fact:
    sentence: str
    paragraph: str
    source: str
    title: str


def draft(assistant: Assistant, count: int, seed: int = 0) -> Iterator[Sample]:
    """Up to `count` questions with the sentence that answers each as target and its paragraph as evidence.

    Kept are questions that share a word with their sentence and whose search finds the paragraph again. Each has
    `confirmed: false`: whether question and answer are right is for a person to say.
    """
    draw = random.Random(seed)  # noqa: S311 - a sample, no secret
    facts = list(_facts(assistant))
    draw.shuffle(facts)
    made = 0
    for fact in facts[: count * _TRIES]:
        if made == count:
            return
        question = _question(assistant, fact)
        if question and _found_again(assistant, question, fact):
            made += 1
            about = {"evidence": fact.paragraph, "source": fact.source, "title": fact.title, "confirmed": False}
            yield Sample(id=f"draft-{made:03}", input=question, target=fact.sentence, metadata=about)


def _facts(assistant: Assistant) -> Iterator[_Fact]:
    """Sentences worth asking about: of some length, complete, and not a heading or a list's label."""
    for info in assistant.catalogue.list():
        document = assistant.knowledge.document(info.document_id)
        for paragraph in document.text.split("\n\n"):
            if paragraph.lstrip().startswith(("#", "|", "```", ">")):
                continue
            for start, end in sentence_spans(paragraph):
                sentence = " ".join(paragraph[start:end].split())
                if 40 <= len(sentence) <= 220 and sentence[0].isupper() and sentence.endswith("."):
                    yield _Fact(sentence, paragraph.strip(), info.source, info.title)


def _question(assistant: Assistant, fact: _Fact) -> str:
    """What the chat model asks about a sentence; empty where that is no question about it."""
    from langchain_core.messages import HumanMessage

    model = assistant.resources.chat(assistant.settings.models.chat).get()
    reply = model.invoke([HumanMessage(_PROMPT.format(sentence=fact.sentence))], max_tokens=40).text
    first = reply.strip().split("\n")[0].removeprefix("Question:").strip()
    question = first[: first.index("?") + 1] if "?" in first else ""
    shares = content_words(question) & content_words(fact.sentence)
    return question if len(question.split()) >= 4 and shares else ""


def _found_again(assistant: Assistant, question: str, fact: _Fact) -> bool:
    hits = assistant.knowledge.search(question, "", 5)
    return any(same(hit.chunk.text, " ".join(fact.paragraph.split())) for hit in hits)
