"""A suite's target over an assistant, in this process or in the running service; and what scorers need of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assistant.evaluation.asking import ask_sample
from assistant.evaluation.identity import code_sha256, identity_of, models_of
from eval.sample import Sample
from eval.scorers.base import Tools
from eval.target import Output, TargetSpec

if TYPE_CHECKING:
    from assistant.app import Assistant

_HERE = {"local", "hf"}
"""Providers whose models run in this process, one call at a time."""


@dataclass
class AssistantTarget:
    """The target a specification means; the assistant is opened when it is first needed."""

    spec: TargetSpec
    open: Callable[[], Assistant]
    batch: int = 1

    @cached_property
    def assistant(self) -> Assistant:
        """Opened once; it loads its models when it is asked."""
        return self.open()

    @property
    def name(self) -> str:
        """For a person."""
        if self.spec.kind == "model":
            return self.spec.model or self.assistant.settings.models.chat
        return f"assistant ({self.spec.path})" if self.spec.kind == "assistant" else self.spec.kind

    @property
    def concurrency(self) -> int:
        """One where a model of this process writes; four where a remote one does."""
        provider = (self.spec.model or self.assistant.settings.models.chat).partition(":")[0]
        return 4 if self.spec.kind in ("assistant", "model") and provider not in _HERE else 1

    def identity(self) -> dict[str, Any]:
        """See `identity_of`."""
        return identity_of(self.assistant, self.spec)

    def prepare(self) -> None:
        """Load models and documents. Raises the `CrossroadsError` of what cannot be had."""
        resources, kind = self.assistant.resources, self.spec.kind
        if kind in ("assistant", "model"):
            resources.chat(self.spec.model or self.assistant.settings.models.chat).get()
        if kind in ("assistant", "retrieval", "routing"):
            self.assistant.documentation.get()
        if kind in ("assistant", "grounding"):
            resources.checker.get()

    def ask(self, samples: Sequence[Sample], seed: int, cancel: threading.Event) -> list[Output]:
        """One output a sample, one after the other."""
        return [ask_sample(self.assistant, self.spec, sample, seed, cancel) for sample in samples]


def tools_of(assistant: Assistant) -> Tools:
    """Checker, encoder and judge of an assistant, loaded when a scorer first uses them."""
    resources, judge = assistant.resources, assistant.settings.models.judge
    models = models_of(assistant, TargetSpec(kind="grounding"))
    return Tools(
        checker=resources.checker.get,
        encoder=resources.embeddings.get,
        judge=(lambda prompt: resources.chat(judge).get().invoke(prompt, max_tokens=256).text) if judge else None,
        judge_name=judge,
        identity={
            "checker": f"{models} {code_sha256()}",
            "encoder": models.get("embedding", ""),
            "judge": judge,
        },
    )
