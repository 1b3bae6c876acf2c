"""Counts and times of a running service in Prometheus' text format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from assistant.turn import TurnRun
    from graphs.answer import Answer

CONTENT_TYPE = CONTENT_TYPE_LATEST
_PHASES = ("total", "route", "retrieve", "first_token", "generate", "verify")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The metrics of one service, in a registry of its own so that two of them do not add up."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.turns = Counter(
            "crossroads_turns", "Turns by path taken and how they ended.", ("path", "outcome"), registry=registry
        )
        self.turn_seconds = Histogram(
            "crossroads_turn_seconds", "Seconds of a turn by phase.", ("phase",), buckets=_SECONDS, registry=registry
        )
        self.tokens = Counter("crossroads_tokens", "Tokens models read and wrote.", ("kind",), registry=registry)
        self.cost = Counter("crossroads_cost_usd", "What providers were paid, in US dollars.", registry=registry)
        self.grounding = Counter(
            "crossroads_grounding", "Answers by how well their evidence carries them.", ("label",), registry=registry
        )
        self.votes = Counter("crossroads_votes", "Votes given on answers.", ("vote",), registry=registry)
        self.requests = Counter(
            "crossroads_http_requests", "HTTP requests.", ("method", "route", "status"), registry=registry
        )
        self.request_seconds = Histogram(
            "crossroads_http_seconds",
            "Seconds to the end of a response.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.ready = Gauge("crossroads_ready", "Whether models and store answer now, 0 or 1.", registry=registry)

    def turn_ended(self, run: TurnRun, seconds: float) -> None:
        """Count a turn and its `seconds`."""
        answer = run.answer
        self.turn_seconds.labels("whole").observe(seconds)
        if answer is None:
            self.turns.labels("none", run.error.type if run.error else "stopped").inc()
            return
        self.turns.labels(answer.route.path, outcome(answer)).inc()
        for phase in _PHASES:
            if milliseconds := getattr(answer.timing, phase, None):
                self.turn_seconds.labels(phase).observe(milliseconds / 1000)
        self.tokens.labels("prompt").inc(answer.usage.prompt_tokens)
        self.tokens.labels("completion").inc(answer.usage.completion_tokens)
        self.cost.inc(answer.usage.cost_usd)
        if answer.grounding:
            self.grounding.labels(answer.grounding.label).inc()

    def request_ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the route's pattern, for paths themselves have no end."""
        self.requests.labels(method, route, str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)


def outcome(answer: Answer) -> str:
    """How a turn that has an answer ended: answered, abstained, or waiting for a person's consent."""
    if answer.pending:
        return "waiting"
    return "abstained" if answer.abstained else "answered"
