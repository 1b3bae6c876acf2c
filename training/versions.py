"""What the registry says of a model: its lineage, its figures, the gate's verdict, and when it went live."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from graphs.answer import Record

Kind = Literal[
    "chat",
    "adapter",
    "embedding",
    "grounding",
    "router",
    "reward",
    "reader",
    "encoder",
    "seq2seq",
    "classifier",
    "reranker",
    "tokenizer",
]
State = Literal["candidate", "live", "retired"]
Verdict = Literal["pass", "fail", "none"]


class GateVerdict(Record):
    """What `crossroads eval gate` said of a version, and of which run it said so."""

    verdict: Verdict
    reasons: list[str] = Field(default_factory=list)
    run: str = ""
    """The evaluation run that was judged."""
    when: str = ""
    """ISO time, UTC."""


class Promotion(Record):
    """One time a version went live: let through by the gate, or by a person who said why."""

    version: str
    """Empty where the live one was withdrawn and none took its place."""
    when: str
    verdict: Verdict
    run: str = ""
    override: str = ""
    """Why it went live without a passing gate; empty where the gate passed it."""
    rollback: bool = False
    why: str = ""
    """Why it was rolled back, where somebody or the watch over live signals said so."""


class ModelVersion(Record):
    """A registered checkpoint: what it was made from, what it measures, and the hash of every file."""

    name: str
    version: str
    kind: Kind
    base: str = ""
    """The model it was trained from, as `provider:model`; empty where it was trained from scratch."""
    files: dict[str, str] = Field(default_factory=dict)
    """Path inside the version's folder → sha256."""
    data_sha256: str = ""
    recipe: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    licence: str = ""
    parent: str = ""
    """The version this one continued from."""
    created: str = ""
    """ISO time, UTC, at which it was registered."""
    state: State = "candidate"
    gate: GateVerdict | None = None
    """The last verdict of the gate; None where it was never asked."""


class Live(Record):
    """Which version is live; `before` holds the earlier ones, the latest last; `history` every promotion."""

    version: str = ""
    before: list[str] = Field(default_factory=list)
    history: list[Promotion] = Field(default_factory=list)


def why_not(version: ModelVersion) -> str:
    """Why the gate does not let a version go live; empty where it does."""
    if version.gate is None:
        return "no evaluation run of it has been through the gate"
    if version.gate.verdict == "pass":
        return ""
    said = {"fail": "the gate failed it", "none": "the gate came to no verdict"}[version.gate.verdict]
    return f"{said}: {'; '.join(version.gate.reasons)}" if version.gate.reasons else said
