"""What every engine takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Emit = Callable[[int], bool]
"""Called with each new token id, in order; an answer of False means stop now."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen. Temperature 0 takes the likeliest one each time."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    """None draws a new one each time; it has no effect at temperature 0."""
    repetition_penalty: float = 1.0
    regex: str = ""
    """Only text that matches this may be written; for engines that constrain."""
    json_schema: str = ""
    """Only JSON of this schema may be written; for engines that constrain."""


class Engine(Protocol):
    """Continues a prompt of token ids. Not safe to call from two threads: a `Desk` stands in front of it.

    An engine keeps what it computed for earlier prompts and reuses the longest common prefix.
    """

    name: str
    device: str
    constrains: bool
    """Whether it keeps to `regex` and `json_schema`."""

    def run(self, prompt: Sequence[int], sampling: Sampling, ends: frozenset[int], emit: Emit) -> None:
        """Emit new tokens until one of `ends` (not emitted), `max_tokens`, or `emit` answers False."""
        ...

    def run_together(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, ends: frozenset[int]
    ) -> list[list[int]]:
        """The new tokens of several prompts, computed at once, each as `run` would emit them: faster, not streamed."""
        ...
