"""Run a stored turn again from one of its steps, in a conversation of its own; the stored one stays as it is."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from assistant.run_log import RunStep, restored
from graphs.errors import NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant


def start_of(assistant: Assistant, thread_id: str, question_id: str, node: str) -> tuple[dict[str, Any], str]:
    """What the graph knew before a step of a turn, with new ids, and the step before it (empty: from the beginning).

    `question_id` may be empty for the last turn, `node` for the beginning. Raises `NotFoundError`.
    """
    question_id = question_id or _last_question(assistant, thread_id)
    steps = assistant.run_log.steps(question_id)
    names = [step.node for step in steps]
    if not steps:
        raise NotFoundError(
            f"The steps of that turn of {thread_id!r} are not remembered.", "Raise answering.kept_runs for later ones."
        )
    if node and node not in names[1:]:
        raise NotFoundError(f"That turn had no step {node!r}.", f"It had: {', '.join(names[1:])}.")
    at = names.index(node) if node else 1
    new = {"question_id": uuid.uuid4().hex, "answer_id": uuid.uuid4().hex}
    values = _values(steps[:at], before=_messages_before(assistant, thread_id, question_id), new=new)
    return values, "" if at == 1 else names[at - 1]


def _values(steps: list[RunStep], before: list[Any], new: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    messages = list(before)
    for step in steps:
        changed = {name: restored(value) for name, value in step.changed.items()}
        messages += [message for message in changed.pop("messages", []) if message.type != "remove"]
        values |= changed
    old = values["question_id"]
    messages = [
        message.model_copy(update={"id": new["question_id"]}) if message.id == old else message for message in messages
    ]
    if "timing" in values:
        values["timing"] = {**values["timing"], "started": time.time()}
    return {**values, **new, "messages": messages}


def _messages_before(assistant: Assistant, thread_id: str, question_id: str) -> list[Any]:
    messages = list(assistant.threads.messages(thread_id))
    at = next((number for number, message in enumerate(messages) if message.id == question_id), len(messages))
    return messages[:at]


def _last_question(assistant: Assistant, thread_id: str) -> str:
    turns = assistant.threads.turns(thread_id)
    if not turns:
        raise NotFoundError(f"The conversation {thread_id!r} has no turn.", "Name another.")
    return turns[-1].question_id
