"""Targets made of functions, suites made of dictionaries, and runs of both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eval.cache import Cache
from eval.dataset import Dataset
from eval.runner import Run
from eval.sample import Sample
from eval.scorers.base import Tools
from eval.suite import Suite
from eval.target import Output
from graphs.answer import Answer, Citation, RouteDecision


class FunctionTarget:
    """Answers with what a function says; an exception it raises is a failed sample."""

    name = "function"

    def __init__(
        self, say: Callable[[Sample, int], Any], *, batch: int = 1, concurrency: int = 1, identity: str = "1"
    ) -> None:
        self.say, self.batch, self.concurrency = say, batch, concurrency
        self.prepared = 0
        self.asked: list[str] = []
        self.batches: list[int] = []
        self._identity = identity

    def identity(self) -> dict[str, Any]:
        return {"function": self._identity}

    def prepare(self) -> None:
        self.prepared += 1

    def ask(self, samples: Sequence[Sample], seed: int, cancel: threading.Event) -> list[Output]:
        self.batches.append(len(samples))
        return [self._one(sample, seed) for sample in samples]

    def _one(self, sample: Sample, seed: int) -> Output:
        self.asked.append(sample.id)
        try:
            said = self.say(sample, seed)
        except RuntimeError as error:
            return Output(error={"type": "model", "message": str(error), "cure": "Plug it in."})
        return said if isinstance(said, Output) else Output(text=str(said))


def dataset(samples: Sequence[Sample], groups: Sequence[str] | None = None) -> Dataset:
    lines = {sample.id: number for number, sample in enumerate(samples, start=1)}
    return Dataset(list(samples), list(groups or [sample.id for sample in samples]), lines, "made.jsonl", "0")


def suite(*scorers: Any, **values: Any) -> Suite:
    return Suite(name="made", dataset="made.jsonl", scorers=list(scorers), **values)


def run(
    folder: Path,
    made: Suite,
    data: Dataset,
    target: FunctionTarget,
    cache: Cache | None = None,
    tools: Tools | None = None,
    **others: Any,
) -> Run:
    return Run(made, data, target, tools or Tools(), folder, cache or Cache(None), **others)


def answer(text: str, *, abstained: bool = False, snippets: Sequence[str] = (), path: Any = "rag") -> Output:
    """An assistant's output."""
    citations = [
        Citation(
            marker=f"[{number}]", chunk_id="c", document_id="d", source="s", title="t", page=None, start=0,
            end=len(snippet), snippet=snippet, score=1.0,
        )
        for number, snippet in enumerate(snippets, start=1)
    ]  # fmt: skip
    route = RouteDecision(path=path, reason="because", confidence=1)
    made = Answer(text=text, route=route, citations=citations, abstained=abstained)
    return Output(text=text, answer=made, route=route)


def hang(seconds: float) -> str:
    time.sleep(seconds)
    return "late"
