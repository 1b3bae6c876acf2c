"""What of a long conversation a model is shown: the latest messages word for word, the earlier ones as a summary.

The summary is made of the conversation's own sentences, so that it cannot say what was not said. What was left out is
told to the user.
"""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from graphs.words import sentence_spans

SUMMARY_CHARACTERS = 1200
CHARACTERS_A_TOKEN = 3
"""On the careful side: English has about four."""


def shown(messages: Sequence[BaseMessage], most: int, tokens: int) -> tuple[list[BaseMessage], str]:
    """The messages for a prompt, at most `most` and about `tokens` long, and what to tell the user; empty for nothing.

    `messages` are whole turns, oldest first. With `most` 0 nothing earlier is shown, which is what was asked for.
    """
    if not most:
        return [], ""
    kept = _latest(messages, most, tokens * CHARACTERS_A_TOKEN)
    earlier = messages[: len(messages) - len(kept)]
    if not earlier:
        return kept, ""
    summary, left_out = _summary(earlier)
    told = "This conversation is longer than the model can be shown: "
    told += f"its first {len(earlier)} messages went in as a summary"
    told += f", without the first {left_out}." if left_out else "."
    return [HumanMessage(f"What we said before, in short:\n{summary}"), AIMessage("I have read it."), *kept], told


def _latest(messages: Sequence[BaseMessage], most: int, characters: int) -> list[BaseMessage]:
    """The last messages that fit, beginning with one of the user's."""
    kept: list[BaseMessage] = []
    for message in reversed(messages[-most:]):
        characters -= len(str(message.content))
        if kept and characters < 0:
            break
        kept.insert(0, message)
    while kept and kept[0].type == "ai":
        kept.pop(0)
    return kept


def _summary(messages: Sequence[BaseMessage]) -> tuple[str, int]:
    """The first sentence of each message, the latest first to be taken; and how many did not fit."""
    lines: list[str] = []
    room = SUMMARY_CHARACTERS
    for message in reversed(messages):
        line = f"{'User' if message.type == 'human' else 'Assistant'}: {_first_sentence(str(message.content))}"
        room -= len(line)
        if room < 0:
            break
        lines.insert(0, line)
    return "\n".join(lines), len(messages) - len(lines)


def _first_sentence(text: str) -> str:
    spans = sentence_spans(text)
    first = " ".join((text[slice(*spans[0])] if spans else text).split())
    return first if len(first) <= 200 else first[:200].rsplit(" ", 1)[0] + " …"
