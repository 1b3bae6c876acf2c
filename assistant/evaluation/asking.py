"""Samples put to an assistant, to one of its parts, or to a bare model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from assistant.records import Request
from eval.sample import Sample
from eval.target import Output, TargetSpec, asking_of
from graphs.answer import Answer, Passage, Usage
from graphs.errors import CrossroadsError, UsageError
from graphs.events import Failed, Routed, Token

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

    from assistant.app import Assistant
    from assistant.turn import TurnRun

Ask = Callable[["Assistant", TargetSpec, Sample, int, threading.Event], Output]


def ask_sample(assistant: Assistant, spec: TargetSpec, sample: Sample, seed: int, cancel: threading.Event) -> Output:
    """What the target gives; a `CrossroadsError` becomes a failed output."""
    began = time.monotonic()
    try:
        output = _ASK[spec.kind](assistant, spec, sample, seed, cancel)
    except CrossroadsError as error:
        output = Output(error=error.as_json()["error"])
    return output.model_copy(update={"seconds": round(time.monotonic() - began, 4)})


def _whole(assistant: Assistant, spec: TargetSpec, sample: Sample, seed: int, cancel: threading.Event) -> Output:
    """A turn that is not stored."""
    del seed  # the assistant decodes greedily
    how = asking_of(sample)
    request = Request(
        question=sample.input, path=how.path or spec.path, collection=spec.collection, model=spec.model,
        contexts=sample.contexts, history=[], fresh=True, effort=how.effort, labels=how.labels, form=how.form,
    )  # fmt: skip
    answer, draft = _told(assistant.stream(request, cancel))
    looked_at = [item.passage for item in answer.evidence]
    return Output(
        text=answer.text, answer=answer, draft=draft if answer.quoted or answer.abstained else "",
        passages=looked_at, route=answer.route, usage=answer.usage,
    )  # fmt: skip


def _told(run: TurnRun) -> tuple[Answer, str]:
    """The answer of a turn, and what was written on the way to it. Raises the error the turn failed with."""
    try:
        written = "".join(event.text for event in run if isinstance(event, Token))
    finally:
        run.close()
    if run.error:
        raise run.error
    return cast("Answer", run.answer), written


def ask_together(
    assistant: Assistant, spec: TargetSpec, samples: Sequence[Sample], seed: int, cancel: threading.Event
) -> list[Output]:
    """What a bare local model gives, its prompts computed together; one after the other where one of them fails."""
    began = time.monotonic()
    model = _model_of(assistant, spec)
    together = getattr(model, "answer_together", None)
    if together is None:  # such as a local model with a fallback
        return [ask_sample(assistant, spec, sample, seed, cancel) for sample in samples]
    try:
        replies = together([_messages(spec, sample) for sample in samples], **_options(spec, seed))
    except CrossroadsError:  # a prompt that is too long, say: the others must not fail with it
        return [ask_sample(assistant, spec, sample, seed, cancel) for sample in samples]
    seconds = round((time.monotonic() - began) / len(samples), 4)
    return [_said(reply).model_copy(update={"seconds": seconds}) for reply in replies]


def _bare(assistant: Assistant, spec: TargetSpec, sample: Sample, seed: int, cancel: threading.Event) -> Output:
    """A chat model alone."""
    del cancel
    return _said(_model_of(assistant, spec).invoke(_messages(spec, sample), **_options(spec, seed)))


def _model_of(assistant: Assistant, spec: TargetSpec) -> BaseChatModel:
    return assistant.resources.chat(spec.model or assistant.settings.models.chat).get()


def _messages(spec: TargetSpec, sample: Sample) -> list[BaseMessage]:
    """What a bare model is shown of a sample."""
    from langchain_core.messages import HumanMessage, SystemMessage

    contexts = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(sample.contexts or [], 1))
    prompt = spec.template.replace("{contexts}", contexts).replace("{input}", sample.input)
    return [*([SystemMessage(spec.system)] if spec.system else []), HumanMessage(prompt)]


def _options(spec: TargetSpec, seed: int) -> dict[str, Any]:
    sampled = {"temperature": spec.temperature, "seed": seed} if spec.temperature else {}
    return {"max_tokens": spec.max_tokens, **sampled}


def _said(reply: Any) -> Output:
    used = getattr(reply, "usage_metadata", None) or {}
    usage = Usage(prompt_tokens=used.get("input_tokens", 0), completion_tokens=used.get("output_tokens", 0))
    return Output(text=reply.text, usage=usage)


def _search(assistant: Assistant, spec: TargetSpec, sample: Sample, seed: int, cancel: threading.Event) -> Output:
    """What a search finds."""
    del seed, cancel
    assistant.documentation.get()
    retriever = assistant.knowledge.retriever(spec.collection)
    found = [Passage(text=item.page_content, **item.metadata) for item in retriever.invoke(sample.input)]
    return Output(text="\n\n".join(passage.text for passage in found[:1]), passages=found[: spec.k or None])


def _route(assistant: Assistant, spec: TargetSpec, sample: Sample, seed: int, cancel: threading.Event) -> Output:
    """The path the graph would take: the turn is stopped when it is chosen."""
    del seed
    request = Request(question=sample.input, collection=spec.collection, contexts=sample.contexts, history=[])
    run = assistant.stream(request, cancel)
    try:
        for event in run:
            if isinstance(event, Routed):
                return Output(text=event.decision.path, route=event.decision)
            if isinstance(event, Failed):
                return Output(error=event.error)
    finally:
        run.close()
    if run.error:
        raise run.error
    raise UsageError("The turn ended without a path.", "Report this: it should not happen.")


def _check(assistant: Assistant, spec: TargetSpec, sample: Sample, seed: int, cancel: threading.Event) -> Output:
    """The grounding of a given text."""
    del spec, seed, cancel
    target = sample.target[0] if isinstance(sample.target, list) and sample.target else sample.target
    text = str(sample.metadata.get("output") or target or "")
    grounding = assistant.resources.checker.get().check(text, list(sample.contexts or []))
    return Output(text=text, grounding=grounding)


_ASK: dict[str, Ask] = {
    "assistant": _whole,
    "model": _bare,
    "retrieval": _search,
    "routing": _route,
    "grounding": _check,
}
