"""Does a model's memory agree with itself? A model that knows says the same each time; one that bluffs does not.

After SelfCheckGPT (Manakul et al., 2023, arXiv:2303.08896): sample short answers, compare them by meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from graphs.context import Encoder

AGREEMENT_BAR = 0.9
"""Mean cosine between answers from which on memory counts as sure; measured by `bench/memory.py`."""


def agreement(model: BaseChatModel, messages: Sequence[BaseMessage], encoder: Encoder, samples: int) -> bool:
    """Whether `samples` short answers to the same messages mean the same."""
    return mean_similarity(sample(model, messages, samples), encoder) >= AGREEMENT_BAR


def sample(model: BaseChatModel, messages: Sequence[BaseMessage], samples: int) -> list[str]:
    """Short answers drawn at temperature 0.8, each with a seed of its own, so that a run can be repeated."""
    drawn = [
        model.invoke(list(messages), max_tokens=32, temperature=0.8, seed=number) for number in range(1, samples + 1)
    ]
    return [str(reply.content).strip() for reply in drawn]


def mean_similarity(texts: Sequence[str], encoder: Encoder) -> float:
    """Mean cosine between every two texts; 0 where one is empty."""
    if len(texts) < 2 or not all(texts):
        return 0.0
    vectors = encoder.embed_documents(list(texts))
    pairs = [sum(a * b for a, b in zip(one, other, strict=True)) for one, other in combinations(vectors, 2)]
    return sum(pairs) / len(pairs)
