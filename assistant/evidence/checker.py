"""Is a text supported by its evidence? Plain features and an encoder's logit, joined by calibrated logistic weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from graphs.answer import Grounding, SentenceSupport, SupportLabel
from graphs.words import sentence_spans
from training.grounding.features import Sentence
from training.grounding.model import GroundingModel, Logits

SUPPORTED = 0.5
"""A sentence counts as supported from this score on."""
_WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "grounding" / "model.json"


@cache
def shipped_model() -> GroundingModel:
    """The model in `assistant/weights/grounding`; its card stands beside it."""
    return GroundingModel.load(_WEIGHTS)


class FeatureChecker:
    """Judges each sentence; a copy of evidence is always supported, a wrong number never."""

    def __init__(self, model: GroundingModel | None = None, logits: Logits | None = None) -> None:
        """`logits` asks the encoder; without it the features decide alone."""
        self._model = model or shipped_model()
        self._logits = logits

    def check(self, text: str, evidence: Sequence[str]) -> Grounding:
        """The grounding of `text`, scored as its weakest sentence; with no evidence every sentence is unsupported."""
        spans = [span for span in sentence_spans(text) if Sentence(text[span[0] : span[1]]).tokens]
        texts = [text[start:end] for start, end in spans]
        scores = self._model.scores(texts, [part for part in evidence if part.strip()], self._logits)
        judged = [
            SentenceSupport(text=sentence, start=start, end=end, score=score, supported=score >= SUPPORTED)
            for sentence, (start, end), score in zip(texts, spans, scores, strict=True)
        ]
        return Grounding(score=min(scores, default=0.0), label=_label(judged), sentences=judged)


def _label(judged: Sequence[SentenceSupport]) -> SupportLabel:
    supported = sum(sentence.supported for sentence in judged)
    if not supported:
        return "unsupported"
    return "supported" if supported == len(judged) else "partly"
