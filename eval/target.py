"""What is evaluated: a target is asked samples and gives outputs. The application brings the targets."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.sample import Sample
from graphs.answer import Answer, Grounding, Passage, Path, RouteDecision, Usage
from graphs.effort import Effort
from graphs.errors import UsageError

Kind = Literal["assistant", "model", "retrieval", "routing", "grounding"]


class TargetSpec(BaseModel):
    """Which target a suite asks, as it stands under `target:`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind = "assistant"
    """`assistant`: whole turns; `model`: a bare chat model; `retrieval`: a search; `routing`: the chosen path alone;
    `grounding`: the check of `metadata.output` (else `target`) against `contexts`."""
    path: Path | Literal["auto"] = "auto"
    """Forced path of an assistant."""
    model: str = ""
    """`provider:model`; empty means the configured chat model."""
    collection: str = ""
    k: int | None = None
    """Passages a search returns; None means the setting."""
    system: str = ""
    """System message for a bare model."""
    template: str = "{input}"
    """What a bare model is asked: `{input}` and `{contexts}` stand for the sample's."""
    max_tokens: int = 128
    temperature: float = 0.0
    knowledge: str = ""
    """Empty: what the home holds. `docs`: the assistant's documentation, in a home of its own. `mixed`: the documents
    of the mixed set. Else a folder or file of documents, or `data:NAME`, that a home of its own is filled with."""
    settings: dict[str, Any] = {}
    """Settings for this target alone, as with `--set`."""


class Asking(BaseModel):
    """How one sample is put to an assistant, as its row says under `ask`; what is not said is the suite's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path | Literal["", "auto"] = ""
    effort: Effort | Literal[""] = ""
    labels: list[str] = []
    """The only answers a classification may have."""
    form: dict[str, Any] = {}
    """The JSON schema an extraction fills."""


def asking_of(sample: Sample, place: str = "") -> Asking:
    """How a sample wants to be asked. Raises `UsageError` naming what cannot be."""
    try:
        return Asking(**(sample.metadata.get(ASK) or {}))
    except (TypeError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        what = f"{ASK}.{first['loc'][0]} cannot be {first['input']!r}" if first else f"`{ASK}` is no mapping"
        cure = f"A row's `{ASK}` may have: {', '.join(Asking.model_fields)}."
        raise UsageError(f"{place or sample.id}: {what}.", cure) from None


ASK = "ask"
"""Field of a sample's metadata that says how it is asked."""


class Output(BaseModel):
    """What a target gave for one sample. With `error` set it is a failure, and counts as one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = ""
    answer: Answer | None = None
    """The whole answer, where the target is an assistant; its `text` is the field above."""
    draft: str = ""
    """What a model of the assistant wrote, where the check put a quotation or a refusal in its place."""
    passages: list[Passage] = []
    """What a search found, best first; for an assistant what it looked at."""
    route: RouteDecision | None = None
    grounding: Grounding | None = None
    usage: Usage = Usage()
    seconds: float = 0.0
    error: dict[str, str] | None = None
    """`type`, `message`, `cure`."""

    @property
    def failed(self) -> bool:
        """Whether there is no output."""
        return self.error is not None


class Target(Protocol):
    """Asked batches of samples; must give one output for each, in their order."""

    @property
    def name(self) -> str:
        """For a person: `assistant (auto)`, `local:smollm2-135m-instruct`."""
        ...

    @property
    def concurrency(self) -> int:
        """How many batches may be under way at once."""
        ...

    @property
    def batch(self) -> int:
        """How many samples are best asked together."""
        ...

    def identity(self) -> dict[str, Any]:
        """Everything its outputs depend on, as JSON: hashes of models and prompts, settings, documents.

        Must not load a model: an unchanged rerun asks for this alone.
        """
        ...

    def prepare(self) -> None:
        """Load what is needed; called once before the first sample is asked, and without a time limit."""
        ...

    def ask(self, samples: Sequence[Sample], seed: int, cancel: threading.Event) -> list[Output]:
        """One output a sample; `cancel` is set when their time is up.

        A failure of one sample is an `Output` with `error`; what raises a `CrossroadsError` fails the whole batch, and
        what raises anything else ends the run.
        """
        ...
