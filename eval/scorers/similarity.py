"""Semantic similarity: the cosine of answer and target under the embedding model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eval.sample import Sample, Score
from eval.scorers.base import Metric, Need, Scorer, Tools, answers_of, mean
from eval.scorers.said import said
from eval.target import Output


@dataclass(frozen=True)
class Similarity(Scorer):
    """The cosine to the nearest target, at least 0; an answer that says nothing has 0."""

    name: ClassVar[str] = "similarity"
    needs: ClassVar[frozenset[Need]] = frozenset({"target", "encoder"})

    def score(self, sample: Sample, output: Output, tools: Tools) -> Score:
        """The cosine in 0–1."""
        text, answers = said(output), answers_of(sample)
        if not text or not answers or tools.encoder is None:
            return Score(value=0.0)
        vectors = np.array(tools.encoder().embed_documents([text, *answers]))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return Score(value=float(np.clip((vectors[1:] @ vectors[0]).max(), 0, 1)))

    def metrics(self) -> tuple[Metric, ...]:
        """`similarity`."""
        return (mean("similarity"),)
