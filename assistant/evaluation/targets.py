"""A suite's target over an assistant, which is opened when it is first asked; and what scorers need of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assistant.evaluation.identity import Ground, code_sha256, identity_of, models_of
from eval.sample import Sample
from eval.scorers.base import JUDGE_TOKENS, Tools
from eval.target import Output, TargetSpec

if TYPE_CHECKING:
    from assistant.app import Assistant

_HERE = {"local", "hf"}
"""Providers whose models run in this process, one call at a time."""
TOGETHER = 8
"""Prompts a local model computes at once."""


@dataclass
class AssistantTarget:
    """The target a specification means; the assistant is opened when it is first needed."""

    spec: TargetSpec
    open: Callable[[], Assistant]
    ground: Ground
    """Of the same home; it is enough where every answer is known from before."""

    @cached_property
    def assistant(self) -> Assistant:
        """Opened once; it loads its models when it is asked."""
        return self.open()

    @property
    def name(self) -> str:
        """For a person."""
        if self.spec.kind == "model":
            return self._model
        return f"assistant ({self.spec.path})" if self.spec.kind == "assistant" else self.spec.kind

    @property
    def concurrency(self) -> int:
        """One where a model of this process writes; four where a remote one does."""
        return 4 if self.spec.kind in ("assistant", "model") and not self._writes_here else 1

    @property
    def batch(self) -> int:
        """Several for a bare model of this process that takes the likeliest token.

        A sampled answer is asked for alone: its seed must give the same one whatever it was asked beside.
        """
        return TOGETHER if self.spec.kind == "model" and self._writes_here and not self.spec.temperature else 1

    @property
    def _model(self) -> str:
        return self.spec.model or self.ground.settings.models.chat

    @property
    def _writes_here(self) -> bool:
        return self._model.partition(":")[0] in _HERE

    def identity(self) -> dict[str, Any]:
        """See `identity_of`."""
        return identity_of(self.ground, self.spec)

    def prepare(self) -> None:
        """Load models and documents. Raises the `CrossroadsError` of what cannot be had."""
        resources, kind = self.assistant.resources, self.spec.kind
        if kind in ("assistant", "model"):
            resources.chat(self._model).get()
        if kind in ("assistant", "retrieval", "routing"):
            self.assistant.documentation.get()
        if kind in ("assistant", "grounding"):
            resources.checker.get()

    def ask(self, samples: Sequence[Sample], seed: int, cancel: threading.Event) -> list[Output]:
        """One output a sample: of a bare local model all at once, else one after the other."""
        from assistant.evaluation.asking import ask_sample, ask_together

        if len(samples) > 1 and self.batch > 1:
            return ask_together(self.assistant, self.spec, samples, seed, cancel)
        return [ask_sample(self.assistant, self.spec, sample, seed, cancel) for sample in samples]


def tools_of(target: AssistantTarget) -> Tools:
    """Checker, encoder and judge of a target's assistant, loaded when a scorer first uses them."""
    judge = target.ground.settings.models.judge
    models = models_of(target.ground, TargetSpec(kind="grounding"))

    def ask(prompt: str) -> str:
        return str(target.assistant.resources.chat(judge).get().invoke(prompt, max_tokens=JUDGE_TOKENS).text)

    return Tools(
        checker=lambda: target.assistant.resources.checker.get(),
        encoder=lambda: target.assistant.resources.embeddings.get(),
        judge=ask if judge else None,
        judge_name=judge,
        identity={
            "checker": f"{models} {code_sha256()}",
            "encoder": models.get("embedding", ""),
            "judge": judge,
        },
    )
