"""A turn as OpenTelemetry spans: the turn, its steps, the model calls in them. Off unless `traces.to` says where to.

No text of a question, a document or an answer leaves with a trace, unless `traces.text` asks for it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphs.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from assistant.config import Settings
    from assistant.run_log import RunStep


class Traces:
    """Writes turns to `HOME/traces.jsonl`, or sends them to an OpenTelemetry collector."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._provider: Any = None
        self._file: Any = None

    def export(self, steps: Sequence[RunStep]) -> None:
        """Pass a turn on. Raises `SettingsError` where the exporter is not installed."""
        if self._settings.traces.to == "off" or not steps:
            return
        from opentelemetry import trace

        tracer = self._tracer()
        turn = tracer.start_span("crossroads.turn", start_time=_nanoseconds(steps[0].began))
        inside = trace.set_span_in_context(turn)
        for step in steps[1:]:
            span = tracer.start_span(f"crossroads.{step.node}", inside, start_time=_nanoseconds(step.began))
            self._describe(span, step)
            for call in step.calls:
                self._call(tracer, trace.set_span_in_context(span), call)
            span.end(_nanoseconds(step.began + step.seconds))
        turn.end(_nanoseconds(steps[-1].began + steps[-1].seconds))

    def close(self) -> None:
        """Send what has not been sent."""
        if self._provider is not None:
            self._provider.shutdown()
        if self._file is not None:
            self._file.close()

    def _describe(self, span: Span, step: RunStep) -> None:
        decision = step.changed.get("decision")
        if isinstance(decision, dict) and decision:
            span.set_attribute("crossroads.path", str(decision.get("path", "")))
        for name in ("passages", "evidence", "calls"):
            if isinstance(step.changed.get(name), list):
                span.set_attribute(f"crossroads.{name}", len(step.changed[name]))
        if step.node == "error":
            span.set_attribute("error.type", str(step.changed.get("error", "")).partition(":")[0])
        if self._settings.traces.text:
            span.set_attribute("crossroads.changed", json.dumps(step.changed, ensure_ascii=False)[:20_000])

    def _call(self, tracer: Tracer, inside: Any, call: dict[str, Any]) -> None:
        span = tracer.start_span("chat", inside, start_time=_nanoseconds(call["began"]))
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.usage.input_tokens", call["prompt_tokens"])
        span.set_attribute("gen_ai.usage.output_tokens", call["completion_tokens"])
        if self._settings.traces.text:
            span.set_attribute("gen_ai.input.messages", json.dumps(call["messages"], ensure_ascii=False))
            span.set_attribute("gen_ai.output.messages", call["text"])
        span.end(_nanoseconds(call["began"] + call["seconds"]))

    def _tracer(self) -> Tracer:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        with self._lock:
            if self._provider is None:
                about = Resource({"service.name": "crossroads"})
                self._provider = TracerProvider(resource=about, shutdown_on_exit=False)
                self._provider.add_span_processor(BatchSpanProcessor(self._exporter()))
            tracer: Tracer = self._provider.get_tracer("crossroads")
            return tracer

    def _exporter(self) -> Any:
        if self._settings.traces.to == "file":
            from opentelemetry.sdk.trace.export import ConsoleSpanExporter

            path = self._settings.home / "traces.jsonl"
            self._file = path.open("a", encoding="utf-8")
            return ConsoleSpanExporter(out=self._file, formatter=lambda span: span.to_json(indent=None) + "\n")
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        except ImportError:
            cure = "pip install opentelemetry-exporter-otlp-proto-grpc, or set traces.to to file."
            raise SettingsError("traces.to is 'otlp', but its exporter is not installed.", cure) from None
        return OTLPSpanExporter(endpoint=self._settings.traces.endpoint or None)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
