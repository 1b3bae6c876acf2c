"""The bridge to RAGAS: its metrics one by one, on any judge that can be asked and any encoder.

Without a judge its string metrics and its context metrics by word overlap can be had; with one also faithfulness,
answer relevancy, context precision and context recall. RAGAS leaves rows it fails on out of its means, so that a score
rises as more fail; here a failure is an error the caller counts as 0.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from graphs.context import Encoder
from graphs.errors import CrossroadsError, ModelError, UsageError

os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # read when ragas is imported: else it tells its makers of every use

Judge = Callable[[str], str]
"""A prompt → what the judge wrote. Raises `CrossroadsError`."""

_TRIES = 2


@dataclass(frozen=True)
class Row:
    """What a metric looks at."""

    question: str
    answer: str
    reference: str = ""
    contexts: tuple[str, ...] = ()
    """What the answer was made from."""
    reference_contexts: tuple[str, ...] = ()
    """What it should have been made from."""


@dataclass(frozen=True)
class _Kind:
    """Where a metric is in RAGAS, and what it needs of a row."""

    build: Callable[[Any, Any], Any]
    """From RAGAS's language model and embeddings."""
    fields: dict[str, str]
    """RAGAS's argument → our field."""
    judged: bool = False
    embedded: bool = False
    legacy: bool = False


def _collection(name: str, *parts: str, **options: Any) -> Callable[[Any, Any], Any]:
    def build(llm: Any, embeddings: Any) -> Any:
        from ragas.metrics import collections

        given = {"llm": llm, "embeddings": embeddings}
        return getattr(collections, name)(**{part: given[part] for part in parts}, **options)

    return build


def _overlap(name: str) -> Callable[[Any, Any], Any]:
    def build(llm: Any, embeddings: Any) -> Any:
        import warnings

        del llm, embeddings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # they have no successor yet
            from ragas import metrics

            return getattr(metrics, name)()

    return build


_STRING = {"reference": "reference", "response": "answer"}
_CONTEXT = {"user_input": "question", "reference": "reference", "retrieved_contexts": "contexts"}
_WORDS = {"retrieved_contexts": "contexts", "reference_contexts": "reference_contexts"}

METRICS: dict[str, _Kind] = {
    "exact_match": _Kind(_collection("ExactMatch"), _STRING),
    "string_presence": _Kind(_collection("StringPresence"), _STRING),
    "string_similarity": _Kind(_collection("NonLLMStringSimilarity"), _STRING),
    "bleu": _Kind(_collection("BleuScore"), _STRING),
    "rouge": _Kind(_collection("RougeScore"), _STRING),
    "chrf": _Kind(_collection("CHRFScore"), _STRING),
    "semantic_similarity": _Kind(_collection("SemanticSimilarity", "embeddings"), _STRING, embedded=True),
    "quoted_spans": _Kind(
        _collection("QuotedSpansAlignment"), {"response": "answer", "retrieved_contexts": "contexts"}
    ),
    "context_recall_by_words": _Kind(_overlap("NonLLMContextRecall"), _WORDS, legacy=True),
    "context_precision_by_words": _Kind(_overlap("NonLLMContextPrecisionWithReference"), _WORDS, legacy=True),
    "faithfulness": _Kind(
        _collection("Faithfulness", "llm"),
        {"user_input": "question", "response": "answer", "retrieved_contexts": "contexts"},
        judged=True,
    ),
    "answer_relevancy": _Kind(
        _collection("AnswerRelevancy", "llm", "embeddings"),
        {"user_input": "question", "response": "answer"},
        judged=True,
        embedded=True,
    ),
    "context_precision": _Kind(_collection("ContextPrecision", "llm"), _CONTEXT, judged=True),
    "context_recall": _Kind(_collection("ContextRecall", "llm"), _CONTEXT, judged=True),
}
JUDGE_FREE = tuple(name for name, kind in METRICS.items() if not kind.judged)
JUDGED = tuple(name for name, kind in METRICS.items() if kind.judged)


def measure(name: str, row: Row, judge: Judge | None = None, encoder: Encoder | None = None) -> float:
    """One metric of RAGAS on one row, 0–1.

    Raises `UsageError` for an unknown metric or where judge or encoder is missing, `ModelError` where the metric has no
    value: the judge failed or wrote no JSON, or something the metric needs is empty.
    """
    kind = METRICS.get(name)
    if kind is None:
        raise UsageError(f"RAGAS has no metric {name!r} here.", f"There are: {', '.join(METRICS)}.")
    if kind.judged and judge is None:
        raise UsageError(f"RAGAS's {name} needs a judge.", "Set models.judge.")
    if kind.embedded and encoder is None:
        raise UsageError(f"RAGAS's {name} needs an embedding model.", "Set models.embedding.")
    given = {theirs: _value(row, ours) for theirs, ours in kind.fields.items()}
    empty = next((kind.fields[theirs] for theirs, value in given.items() if not value), "")
    if empty:
        raise ModelError(f"RAGAS's {name} has no value: the row has no {empty}.", "")
    try:
        value = _run(kind, given, judge, encoder)
    except CrossroadsError:
        raise
    except Exception as error:  # whatever RAGAS or a judge's reply makes it stumble over is a failed row
        raise ModelError(f"RAGAS's {name} failed: {type(error).__name__}: {str(error)[:200]}.", "") from error
    if math.isnan(value):
        raise ModelError(f"RAGAS's {name} has no value: the judge found nothing to judge.", "")
    return value


def _value(row: Row, field: str) -> Any:
    value = getattr(row, field)
    return list(value) if isinstance(value, tuple) else value


def _run(kind: _Kind, given: dict[str, Any], judge: Judge | None, encoder: Encoder | None) -> float:
    metric = kind.build(_language_model(judge) if judge else None, _embeddings(encoder) if encoder else None)
    if kind.legacy:
        from ragas.dataset_schema import SingleTurnSample

        return float(_finished(metric.single_turn_ascore(SingleTurnSample(**given))))
    return float(_finished(metric.ascore(**given)).value)


def _finished(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns, run on a thread of its own: whoever scores may have an event loop already."""
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(asyncio.run, coroutine).result()


def _language_model(judge: Judge) -> Any:
    """Our judge as RAGAS wants one: a prompt in, an object of the class it asks for out."""
    from ragas.llms.base import InstructorBaseRagasLLM

    class Asked(InstructorBaseRagasLLM):
        def generate(self, prompt: str, response_model: Any) -> Any:
            wanted = json.dumps(response_model.model_json_schema())
            asked = f"{prompt}\n\nAnswer with one JSON object of this schema and nothing else:\n{wanted}"
            for left in range(_TRIES - 1, -1, -1):
                written = judge(asked)
                try:
                    return response_model.model_validate_json(json_in(written))
                except ValueError as error:
                    if not left:
                        what = f"The judge wrote no JSON that fits: {written[:120]!r}."
                        raise ModelError(what, "Choose a stronger judge.") from error

        async def agenerate(self, prompt: str, response_model: Any) -> Any:
            return self.generate(prompt, response_model)

    return Asked()


def json_in(text: str) -> str:
    """The JSON object in a reply: judges put fences and words around it."""
    fenced = re.search(r"```(?:json)?\s*(\{.*?\})\s*```", text, re.DOTALL)
    if fenced:
        return fenced[1]
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def _embeddings(encoder: Encoder) -> Any:
    from ragas.embeddings.base import BaseRagasEmbedding

    class Encoded(BaseRagasEmbedding):
        def embed_text(self, text: str, **_: Any) -> list[float]:
            return encoder.embed_query(text)

        async def aembed_text(self, text: str, **_: Any) -> list[float]:
            return encoder.embed_query(text)

    return Encoded()
