"""Do what the message asks with the text it brings: sort it, extract from it, translate, rewrite or summarise it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langgraph.runtime import Runtime

from graphs.answer import Example, PromptRef
from graphs.constrained import choose, fill, how, verbatim
from graphs.context import Context
from graphs.events import Status, Token
from graphs.nodes.common import elapsed, emit, step
from graphs.nodes.respond import as_turns, describe, model_of, write
from graphs.nodes.summarise import summarise
from graphs.prompts import load_prompt
from graphs.state import ChatState
from graphs.tasks import Task, fields
from graphs.words import words

ON_TEXT = ("zero_shot", "few_shot", "tuned")
"""The paths that work on a text the message brings."""
BY_EXAMPLES = "worked examples"
"""What stands for the model of an answer that worked examples gave by themselves."""


def work_on_text(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """The draft of a task; `unknown` where the model cannot do it in the form asked for."""
    since, context, task = time.time(), runtime.context, Task(**state["task"])
    emit(Status(text="writing"))
    if task.name in ("classify", "sentiment"):
        done = _sort(state, context, task)
    elif task.name == "extract":
        done = _extract(state, context, task)
    elif task.name == "summarise":
        return summarise(state, context, task)
    else:
        return _edit(state, context, task)
    return {"timing": elapsed(state, "generate", since), **done}


def shown(state: ChatState, context: Context, task: Task) -> tuple[list[Example], list[dict[str, Any]]]:
    """The worked examples this turn shows the model, and the turn's steps."""
    if state["decision"]["path"] != "few_shot" or context.examples is None:
        return [], state["steps"]
    found = context.examples.find(task.name, task.text, context.limits.examples, task.labels)
    return found, step(state, "examples", f"showing {len(found)} worked examples") if found else state["steps"]


def turns(examples: Sequence[Example]) -> list[BaseMessage]:
    """Examples as turns, laid out as the text to work on is."""
    return as_turns([example.model_copy(update={"input": f"Text: {example.input}"}) for example in examples])


def _sort(state: ChatState, context: Context, task: Task) -> dict[str, Any]:
    if state["decision"]["path"] == "few_shot" and (decided := _decided_by_examples(state, context, task)):
        return decided
    system, prompt = load_prompt("sentiment" if task.name == "sentiment" else "classify")
    examples, steps = shown(state, context, task)
    head = f"{system}\n\nLabels: {', '.join(task.labels)}"
    messages = [SystemMessage(head), *turns(examples), HumanMessage(f"Text: {task.text}")]
    label, reply = choose(model_of(state, context), messages, task.labels)
    draft = _draft(reply, context, state, prompt, examples) | {"text": label}
    if not label:
        why = f"I don't know: the model named none of the {len(task.labels)} labels."
        return {"draft": draft | {"unknown": True, "why": why}, "steps": steps}
    emit(Token(text=label))
    return {"draft": draft, "steps": steps}


def _decided_by_examples(state: ChatState, context: Context, task: Task) -> dict[str, Any]:
    """The label worked examples give by themselves where each label has some; empty where a model must decide.

    `docs/few-shot.md` has how often they are right, beside the default model without examples; they take no writing.
    """
    voted = (
        context.examples.vote(task.name, task.text, task.labels, context.limits.examples or 1)
        if context.examples
        else None
    )
    if voted is None:
        return {}
    steps = step(state, "examples", f"decided by {voted.voters} worked examples, of which the nearest are shown")
    emit(Token(text=voted.label))
    draft = describe(None, context, state) | {"text": voted.label, "model": BY_EXAMPLES}
    draft.pop("disclosed")
    return {"draft": draft | {"examples": [one.model_dump() for one in voted.examples]}, "steps": steps}


def _extract(state: ChatState, context: Context, task: Task) -> dict[str, Any]:
    system, prompt = load_prompt("extract")
    examples, steps = shown(state, context, task)
    head = f"{system}\n\nSchema: {json.dumps(task.form, ensure_ascii=False)}"
    messages = [SystemMessage(head), *turns(examples), HumanMessage(f"Text: {task.text}")]
    model, named = model_of(state, context), task.form == fields(task.instruction)
    form = verbatim(task.form, task.text) if named and how(model) == "grammar" else task.form
    value, reply = fill(model, messages, form, len(task.text))
    draft = _draft(reply, context, state, prompt, examples)
    if value is None:
        why = "I don't know: the model wrote nothing that fits the schema, in two tries."
        return {"draft": draft | {"unknown": True, "why": why}, "steps": steps}
    made_up = missing(value, task.text)
    notices = [f"Not found word for word in the text: {', '.join(made_up)}."] if made_up else []
    written = json.dumps(value, ensure_ascii=False, indent=1)
    text = written if state.get("form") else f"```json\n{written}\n```"  # whoever sends a schema wants JSON alone
    emit(Token(text=text))
    return {"draft": draft | {"text": text, "data": value}, "steps": steps, "notices": [*state["notices"], *notices]}


def missing(value: Any, text: str, name: str = "") -> list[str]:
    """The extracted values that do not stand in the text, with the fields they are in."""
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in missing(inner, text, str(key))]
    if isinstance(value, list):
        return [found for inner in value for found in missing(inner, text, name)]
    if value is None or isinstance(value, bool) or value == "":
        return []
    said = " ".join(words(str(value)))
    return [] if f" {said} " in f" {' '.join(words(text))} " else [f"{name} “{value}”"]


def _edit(state: ChatState, context: Context, task: Task) -> dict[str, Any]:
    """Translating and rewriting: the model's words, and what is known of how far they can be trusted."""
    system, prompt = load_prompt("translate" if task.name == "translate" else "rewrite")
    examples, steps = shown(state, context, task)
    messages = [SystemMessage(system), *turns(examples), HumanMessage(f"{task.instruction}\n\nText: {task.text}")]
    done = write({**state, "steps": steps}, context, messages, prompt)
    draft = done["draft"] | {"examples": [example.model_dump() for example in examples]}
    notices = list(done["notices"])
    if task.name == "translate":
        if " ".join(words(draft["text"])) == " ".join(words(task.text)):
            draft |= {"unknown": True, "why": "I cannot translate this: the model gave the text back as it was."}
        notices.append("The translation was not checked; nothing here can judge it.")
    elif grounded := _added(draft["text"], task.text, context):
        notices.append(f"The new text says what the original does not: {grounded}")
    return done | {"draft": draft, "steps": steps, "notices": notices}


def _added(text: str, original: str, context: Context) -> str:
    """The sentences of a rewriting that its original does not support."""
    checked = context.checker.check(text, [original])
    return " ".join(f"“{item.text}”" for item in checked.sentences if not item.supported)


def _draft(
    reply: AIMessage | None, context: Context, state: ChatState, prompt: PromptRef, examples: Sequence[Example]
) -> dict[str, Any]:
    chunk = None if reply is None else AIMessageChunk(**reply.model_dump(exclude={"type"}))
    draft = describe(chunk, context, state)
    draft.pop("disclosed")
    return draft | {"prompt": prompt.model_dump(), "examples": [example.model_dump() for example in examples]}
