"""Let a model write: from passages, from the message, from memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langgraph.runtime import Runtime

from graphs.answer import Evidence, Example, Passage, PromptRef
from graphs.context import Context, Reading
from graphs.effort import PLANS
from graphs.events import Status, Token
from graphs.evidence import bar, is_short, weigh
from graphs.memory import AGREEMENT_BAR, agreement
from graphs.nodes.common import elapsed, emit, told_before
from graphs.prompts import load_prompt, passages_message
from graphs.reading import read_by_meaning, read_found
from graphs.recall import shown as shown_before
from graphs.repeats import MEMORY_NOTICE
from graphs.routing import kind_of
from graphs.state import ChatState
from graphs.words import first_repeat

_STOP = ["\nQuestion:", "\nPassage"]
"""The prompt's own labels: a small model that writes one has begun to make up the next turn."""
KNOWS_BAR = (0.0, 0.5)
"""How often a model's memory must be right for such questions, at `refuse` 0 and 1, before it is asked at all."""
_FIRST, _SURE = 4, 0.85
"""How many passages are read first, and the chance from which on the others need not be."""
WORTH_WRITING = 0.5
"""How often a model's own words must stand in answers from documents for it to be asked for them."""
QUOTED = "quotation"
"""What stands for the model of an answer no model wrote."""
_MOST_FACTS = 20


def read(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Keep the passages that answer the question, drop the others, and say why."""
    since, context = time.time(), runtime.context
    passages = [Passage(**passage) for passage in state["passages"]]
    if passages:
        emit(Status(text=f"reading {len(passages)} passages"))
    readings = read_passages(state["standalone"], passages, context)
    evidence = weigh(passages, readings, context.limits.refuse, context.limits.prompt_passages)
    return {
        "evidence": [item.model_dump() for item in evidence],
        "readings": [reading.model_dump() for reading in readings],
        "timing": elapsed(state, "retrieve", since),
    }


def read_passages(question: str, passages: Sequence[Passage], context: Context) -> list[Reading]:
    """One reading for each passage; those far down are read only where those before them do not surely answer.

    Given passages by the trained reader, found ones by it and by meaning; all by meaning where there is no reader.
    """
    first = _read(question, passages[:_FIRST], context)
    if any(reading.answerable >= _SURE for reading in first):
        return first + [Reading(answerable=0.0, start=0, end=0, text="")] * (len(passages) - len(first))
    return first + _read(question, passages[_FIRST:], context)


def _read(question: str, passages: Sequence[Passage], context: Context) -> list[Reading]:
    if not passages:
        return []
    if context.reader is None:
        return read_by_meaning(question, passages, context.encoder)
    if context.given is not None:
        return context.reader.read(question, [passage.text for passage in passages])
    return read_found(question, passages, context.encoder, context.reader)


def answer_from_passages(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write an answer from the kept passages; where the user wants it quick, leave them to be quoted."""
    context = runtime.context
    if not PLANS[context.limits.effort].own_words or _found_by_reader(state, context) or _taken_back(state, context):
        return {"draft": {"text": "", "model": QUOTED}}
    kept = [Evidence(**item).passage for item in state["evidence"] if item["kept"]]
    few_shot = state["decision"]["path"] == "few_shot"
    text, prompt = load_prompt("passages_few_shot" if few_shot else "passages")
    question = passages_message(state["standalone"], [passage.text for passage in kept])
    return write(state, runtime.context, [*with_examples(text), HumanMessage(question)], prompt)


def _taken_back(state: ChatState, context: Context) -> bool:
    """Whether this model's own words were measured to be taken back mostly: writing them is then not worth the wait.

    Where the user wants it thorough, or chose the path, they are written all the same.
    """
    decision, router = state["decision"], context.router
    known = router is not None and decision["learned"] and decision["path"] == "rag" and not decision["forced"]
    if not known or router is None or router.own_words is None or context.limits.effort == "thorough":
        return False
    return router.own_words < WORTH_WRITING


def _found_by_reader(state: ChatState, context: Context) -> bool:
    """Whether the trained reader found a short answer in a given passage: it is the answer then; no model writes."""
    if context.reader is None or context.given is None or state["decision"]["forced"]:
        return False
    return is_short(max((Reading(**reading) for reading in state["readings"]), key=lambda one: one.answerable))


def answer_directly(state: ChatState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write an answer from the message and the conversation alone."""
    context = runtime.context
    kind = kind_of(state["question"])
    path = state["decision"]["path"]
    text, prompt = load_prompt("few_shot" if path == "few_shot" else "talk" if kind in ("talk", "self") else "direct")
    before, told = shown_before(told_before(state), context.limits.history_messages, context.limits.history_tokens)
    state = {**state, "notices": [*state["notices"], told]} if told else state
    examples = _shown(state, context)
    own = [SystemMessage(text.split("\n### ")[0].strip()), *as_turns(examples)] if examples else with_examples(text)
    messages = [*_knowing(own, context.facts), *before, HumanMessage(state["question"])]
    if kind != "question":
        return _with(examples, write(state, context, messages, prompt))
    if why := _not_known(state, context, messages):
        draft = {"unknown": True, "why": why, "model": model_name(state, context), "prompt": prompt.model_dump()}
        return {"draft": draft}
    done = {**write(state, context, messages, prompt), "notices": [*state["notices"], MEMORY_NOTICE]}
    return _with(examples, done)


def _knowing(messages: list[BaseMessage], facts: Sequence[str]) -> list[BaseMessage]:
    """The opening messages, with what the user asked to remember in the first."""
    if not facts:
        return messages
    known = "\n".join(f"- {fact}" for fact in facts[-_MOST_FACTS:])
    return [SystemMessage(f"{messages[0].content}\n\nThe user asked you to remember:\n{known}"), *messages[1:]]


def _shown(state: ChatState, context: Context) -> list[Example]:
    """The worked answers a few-shot prompt shows; none on another path, or where none is kept."""
    if state["decision"]["path"] != "few_shot" or context.examples is None:
        return []
    return context.examples.find("answer", state["standalone"], min(4, context.limits.examples))


def as_turns(examples: Sequence[Example]) -> list[BaseMessage]:
    """Examples as a conversation that went well."""
    return [message for example in examples for message in (HumanMessage(example.input), AIMessage(example.output))]


def _with(examples: Sequence[Example], done: dict[str, Any]) -> dict[str, Any]:
    draft = done["draft"] | {"examples": [example.model_dump() for example in examples]}
    return {**done, "draft": draft}


def _not_known(state: ChatState, context: Context, messages: Sequence[BaseMessage]) -> str:
    """Why a model's memory is not trusted with this question; empty where it is.

    Where it was measured how often this model knows such things, that decides, and costs nothing; else the model is
    asked several times, because one that bluffs does not say the same each time.
    """
    decision = state["decision"]
    if decision["forced"]:
        return ""
    if decision["learned"] and decision["confidence"] < bar(KNOWS_BAR, context.limits.refuse):
        return f"the model's own memory is right on about {decision['confidence']:.0%} of questions like this"
    if context.limits.memory_samples and not _remembers(state, context, messages):
        return "the model's own memory gives a different answer each time"
    return ""


def _remembers(state: ChatState, context: Context, messages: Sequence[BaseMessage]) -> bool:
    emit(Status(text="asking the model more than once, to see whether it is sure"))
    return agreement(model_of(state, context), messages, context.limits.memory_samples) >= AGREEMENT_BAR


def with_examples(text: str) -> list[BaseMessage]:
    """A system message, and the worked examples that stand below it in the prompt file."""
    system, *parts = text.split("\n### ")
    examples: list[BaseMessage] = []
    for part in parts:
        role, _, content = part.partition("\n")
        examples.append(HumanMessage(content.strip()) if role == "user" else AIMessage(content.strip()))
    return [SystemMessage(system.strip()), *examples]


def model_of(state: ChatState, context: Context) -> BaseChatModel:
    """The model the chosen path asks."""
    tuned = state["decision"]["path"] in ("tuned", "tuned_rag")
    return context.tuned if tuned and context.tuned is not None else context.chat


def model_name(state: ChatState, context: Context) -> str:
    """Its name."""
    return context.tuned_name if model_of(state, context) is context.tuned else context.model_name


def write(state: ChatState, context: Context, messages: list[BaseMessage], prompt: PromptRef) -> dict[str, Any]:
    """Stream a model's words out as a draft; closing the stream is what stops the model."""
    since = time.time()
    timing: dict[str, float] = dict(state["timing"])
    whole: AIMessageChunk | None = None
    cut = ""
    stream = model_of(state, context).stream(messages, max_tokens=context.limits.answer_tokens, stop=_STOP)
    emit(Status(text="writing"))
    for chunk in stream:
        if context.cancel.is_set() or (whole is not None and first_repeat(whole.text) is not None):
            break
        cut = context.meter.spent()
        if cut:
            break
        whole = chunk if whole is None else whole + chunk
        if chunk.text:
            timing.setdefault("first_token", (time.time() - timing["started"]) * 1000)
            emit(Token(text=chunk.text))
    close = getattr(stream, "close", None)
    if close:
        close()
    timing["generate"] = (time.time() - since) * 1000
    draft = {**describe(whole, context, state), "prompt": prompt.model_dump(), "stopped": context.cancel.is_set()}
    draft["cut"] = cut
    return {"draft": draft, "timing": timing, "notices": [*state["notices"], *draft.pop("disclosed")]}


def describe(whole: AIMessage | None, context: Context, state: ChatState) -> dict[str, Any]:
    """A reply as a draft: its text up to where it begins to loop, the model, what it took, what must be disclosed."""
    usage = whole.usage_metadata if whole else None
    fallback = whole.response_metadata.get("crossroads_fallback") if whole else None
    model = fallback["to"] if fallback else model_name(state, context)
    disclosed = [f"{fallback['from']} did not answer ({fallback['why']}); {fallback['to']} did."] if fallback else []
    prompt_tokens, completion_tokens = (usage["input_tokens"], usage["output_tokens"]) if usage else (0, 0)
    price_in, price_out = context.prices
    return {
        "text": whole.text[: first_repeat(whole.text)].strip() if whole else "",
        "model": model,
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "cost_usd": (prompt_tokens * price_in + completion_tokens * price_out) / 1e6,
        },
        "disclosed": disclosed,
    }
