"""Does a model's memory agree with itself? A model that knows says the same each time; one that bluffs does not.

After SelfCheckGPT (Manakul et al., 2023, arXiv:2303.08896): sample short answers and compare what they assert. Only
words that the question does not contain count: restating the question is no knowledge.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from graphs.words import content_words, words

AGREEMENT_BAR = 0.8
"""Mean overlap between answers from which on memory counts as sure; `bench/memory.py` says what that is worth."""


def agreement(model: BaseChatModel, messages: Sequence[BaseMessage], samples: int) -> float:
    """How far `samples` short answers to the last message agree, in 0–1."""
    return overlap(str(messages[-1].content), sample(model, messages, samples))


def sample(model: BaseChatModel, messages: Sequence[BaseMessage], samples: int) -> list[str]:
    """Short answers drawn at temperature 0.8, each with a seed of its own, so that a run can be repeated."""
    drawn = [
        model.invoke(list(messages), max_tokens=32, temperature=0.8, seed=number) for number in range(1, samples + 1)
    ]
    return [str(reply.content).strip() for reply in drawn]


def overlap(question: str, answers: Sequence[str]) -> float:
    """Mean Dice overlap of what every two answers add to the question; 0 where one adds nothing."""
    asked = content_words(question)
    added = [(content_words(answer) or set(words(answer))) - asked for answer in answers]
    if len(added) < 2 or not all(added):
        return 0.0
    pairs = [2 * len(one & other) / (len(one) + len(other)) for one, other in combinations(added, 2)]
    return sum(pairs) / len(pairs)
