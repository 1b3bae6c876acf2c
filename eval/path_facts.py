"""What every path needs and promises, whatever a data set shows: the part of a comparison that is not measured."""

from __future__ import annotations

from dataclasses import dataclass

MONTHLY = (1_000, 1_000_000)
"""Requests a month for which costs are told."""
COMPARED = ("zero_shot", "few_shot", "rag", "tuned", "tuned_rag")


@dataclass(frozen=True)
class PathFacts:
    """One path in words for whoever decides."""

    title: str
    data_needed: str
    privacy: str
    freshness: str
    unless: str
    """When to think again, as the end of a sentence that begins with "If"."""


_LOCAL = "the question, and whatever model answers it sees it; on this computer with a local model"

FACTS: dict[str, PathFacts] = {
    "zero_shot": PathFacts(
        "The prompt alone",
        "none; twenty questions to measure with",
        _LOCAL,
        "what the model learned before it was published",
        "answers need facts of your own or a source, take a path with documents",
    ),
    "few_shot": PathFacts(
        "Examples in the prompt",
        "2 to 8 worked examples for each kind of request",
        "the examples travel with every request",
        "new examples count at once; facts are the model's own",
        "the examples have to change with every request, or facts are needed, take another path",
    ),
    "rag": PathFacts(
        "Your documents",
        "the documents; no labels",
        "passages travel with the request to the model; deleted documents are gone at once",
        "a changed document counts as soon as it is loaded again",
        "the evidence found is right and the answers are still wrong, tune a model on such answers",
    ),
    "tuned": PathFacts(
        "A tuned model",
        "hundreds of right answers, and hours of training",
        "training data is in the weights and cannot be taken out",
        "as of the last training",
        "facts change between two trainings or need a source, add documents",
    ),
    "tuned_rag": PathFacts(
        "A tuned model with your documents",
        "the documents, and hundreds of right answers to passages",
        "training data is in the weights; passages travel with the request",
        "documents as soon as they are loaded, behaviour as of the last training",
        "the task changes often, because each change needs another training",
    ),
}
