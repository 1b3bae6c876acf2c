"""Is a text supported by its evidence? A small logistic model over plain features, sentence by sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from assistant.evidence.features import Features, Windows, measure
from graphs.answer import Grounding, SentenceSupport, SupportLabel
from graphs.context import Encoder
from graphs.words import sentence_spans, words

_WEIGHTS = (3.0, 4.0, 1.5, -4.0, -2.5, -2.0, 2.5)
_BIAS = -6.0
_SUPPORTED = 0.5


class FeatureChecker:
    """Judges each sentence by its features; a verbatim copy of evidence is always supported."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def check(self, text: str, evidence: Sequence[str]) -> Grounding:
        """The grounding of `text`; with no evidence every sentence is unsupported."""
        spans = sentence_spans(text)
        sentences = [text[start:end] for start, end in spans]
        scores = self._scores(sentences, [passage for passage in evidence if passage.strip()])
        judged = [
            SentenceSupport(text=sentence, start=start, end=end, score=score, supported=score >= _SUPPORTED)
            for sentence, (start, end), score in zip(sentences, spans, scores, strict=True)
        ]
        return Grounding(score=round(_mean(scores), 4), label=_label(judged), sentences=judged)

    def _scores(self, sentences: Sequence[str], evidence: Sequence[str]) -> list[float]:
        if not sentences or not evidence:
            return [0.0] * len(sentences)
        windows = Windows(evidence)
        best = [windows.texts[windows.best(sentence)] for sentence in sentences]
        vectors = np.asarray(self._encoder.embed_documents([*sentences, *best]))
        meanings = np.sum(vectors[: len(sentences)] * vectors[len(sentences) :], axis=1)
        return [
            1.0 if _verbatim(sentence, windows) else round(_logistic(measure(sentence, windows, float(meaning))), 4)
            for sentence, meaning in zip(sentences, meanings, strict=True)
        ]


def _verbatim(sentence: str, windows: Windows) -> bool:
    said = " ".join(words(sentence))
    return bool(said) and said in windows.lower


def _logistic(features: Features) -> float:
    total = _BIAS + sum(weight * value for weight, value in zip(_WEIGHTS, features.values(), strict=True))
    return 1 / (1 + math.exp(-total))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _label(judged: Sequence[SentenceSupport]) -> SupportLabel:
    supported = sum(sentence.supported for sentence in judged)
    if not supported:
        return "unsupported"
    return "supported" if supported == len(judged) else "partly"
