"""A question asked again: the answer it had is given again as long as nothing it rests on has changed.

What it rests on outside the request (models, documents, worked examples, settings) is the store's to know; here stands
what belongs to the request, and which answers may be given again at all.
"""

from __future__ import annotations

import json

from graphs.answer import Answer
from graphs.context import Context
from graphs.nodes.common import told_before
from graphs.routing import kind_of
from graphs.state import ChatState

MEMORY_NOTICE = "From the model's own memory; not checked against any source."
_OF_THE_MOMENT = ("tools", "clarify")
"""Paths whose answers hold for one turn: what day it is, what was done, what was asked back."""


def asked(state: ChatState) -> str:
    """All that a request says, as a key."""
    parts = [state["question"].strip(), state.get("forced", "auto"), state.get("labels", []), state.get("form", {})]
    return json.dumps(parts, sort_keys=True)


def kept_answer(state: ChatState, context: Context) -> Answer | None:
    """The answer the same request had before; None within a conversation, whose earlier turns count too."""
    if context.repeats is None or context.given is not None or told_before(state):
        return None
    return context.repeats.find(asked(state))


def keep(state: ChatState, context: Context, answer: Answer) -> None:
    """Keep an answer to be given again, where it is whole and rests on nothing that passes."""
    if context.repeats is None or context.given is not None or told_before(state) or answer.repeated:
        return
    passing = (
        answer.route.path in _OF_THE_MOMENT or answer.stopped or answer.partial or kind_of(answer.question) == "talk"
    )
    if not passing and set(answer.notices) <= {MEMORY_NOTICE}:  # other notices tell of trouble, or of a fallback
        context.repeats.keep(asked(state), answer)
