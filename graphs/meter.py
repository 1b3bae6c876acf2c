"""What a run has taken so far, held against its budget; and what its models were asked.

A LangChain callback: it hears of every call of a model within the run, wherever in the graph it is made.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult


@dataclass(frozen=True)
class Budget:
    """What one answer may take; 0 is without bound."""

    seconds: float = 0.0
    tokens: int = 0
    """Read and written, by every model call of the run together."""
    cost_usd: float = 0.0
    steps: int = 0


@dataclass
class ModelCall:
    """One call of a model: what it was shown, and what that took."""

    node: str
    messages: list[dict[str, str]]
    began: float
    """Of `time.time()`."""
    seconds: float = 0.0
    text: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass
class Meter(BaseCallbackHandler):
    """Counts steps, seconds, tokens and cost of one run."""

    budget: Budget = Budget()
    prices: tuple[float, float] = (0.0, 0.0)
    """US dollars for a million prompt and a million completion tokens."""
    began: float = field(default_factory=time.time)
    steps: int = 0
    calls: list[ModelCall] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open: dict[UUID, ModelCall] = {}
        self._writing = 0
        self._lock = threading.Lock()

    def spent(self) -> str:
        """Which part of the budget is used up, in a user's words; empty while there is some of each left."""
        budget = self.budget
        if budget.seconds and time.time() - self.began >= budget.seconds:
            return f"{budget.seconds:g} seconds"
        if budget.steps and self.steps >= budget.steps:
            return f"{budget.steps} steps"
        if budget.tokens and self.tokens >= budget.tokens:
            return f"{budget.tokens:,} tokens"
        if budget.cost_usd and self.cost_usd >= budget.cost_usd:
            return f"${budget.cost_usd:g}"
        return ""

    @property
    def tokens(self) -> int:
        """Tokens read and written so far, those being written now included."""
        return sum(call.prompt_tokens + call.completion_tokens for call in self.calls) + self._writing

    @property
    def cost_usd(self) -> float:
        """What the calls that ended have cost."""
        price_in, price_out = self.prices
        return sum(call.prompt_tokens * price_in + call.completion_tokens * price_out for call in self.calls) / 1e6

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Note what a model is asked."""
        shown = [{"role": message.type, "content": str(message.content)} for message in messages[0]]
        call = ModelCall(str((metadata or {}).get("langgraph_node", "")), shown, time.time())
        with self._lock:
            self._open[run_id] = call
            self.calls.append(call)

    def on_llm_new_token(self, token: Any, **_: Any) -> None:  # noqa: ARG002
        """Count a piece that is being written."""
        self._writing += 1

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """Note what came, and what it took."""
        generations = response.generations[0] if response.generations else []
        message = getattr(generations[0], "message", None) if generations else None
        self._close(run_id, generations[0].text if generations else "", getattr(message, "usage_metadata", None))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002
        """Note that a call ended without an answer."""
        self._close(run_id, "", None)

    def _close(self, run_id: UUID, text: str, usage: Any) -> None:
        with self._lock:
            call = self._open.pop(run_id, None)
            self._writing = 0 if not self._open else self._writing
        if call is None:
            return
        call.seconds, call.text = time.time() - call.began, text
        call.prompt_tokens = usage["input_tokens"] if usage else 0
        call.completion_tokens = usage["output_tokens"] if usage else 0
