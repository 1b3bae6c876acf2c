"""The words on the screen: the user's, not ours."""

from __future__ import annotations

from datetime import datetime
from html import escape
from pathlib import PurePath
from urllib.parse import quote, urlsplit

from graphs.answer import Answer, Citation, Passage, Path

PATH_WORDS: dict[Path, str] = {
    "rag": "From your documents",
    "zero_shot": "Just the model",
    "few_shot": "Following examples",
    "tools": "With a tool",
    "tuned": "Tuned model",
    "tuned_rag": "Tuned model and your documents",
    "clarify": "A question back",
}

PICKED: tuple[Path, ...] = ("rag", "zero_shot", "few_shot", "tools", "tuned", "tuned_rag")
"""The paths a person can ask for, in the order they are offered."""

SUPPORT_WORDS = {"supported": "supported", "partly": "partly supported", "unsupported": "not supported"}


def verdict(answer: Answer) -> str:
    """One or two words on how sure the answer is: `supported`, `quoted`, `not checked`, …"""
    if answer.stopped:
        return "stopped by you"
    if answer.abstained:
        return "no answer found"
    if answer.route.path == "clarify":
        return "more needed"
    if answer.quoted:
        return "quoted word for word"
    if answer.grounding is None:
        return _by_tool(answer) if answer.route.path == "tools" else "not checked"
    return SUPPORT_WORDS[answer.grounding.label]


def _by_tool(answer: Answer) -> str:
    if answer.pending:
        return "waits for you"
    return "calculated" if answer.model == "calculator" else f"by {answer.model.replace('_', ' ')}"


def seconds(milliseconds: float) -> str:
    """A time as people read it: `80 ms`, `2.1 s`, `1 min 5 s`."""
    if milliseconds < 100:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    minutes, rest = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {rest} s"


def money(dollars: float) -> str:
    """`free`, or an amount with as many digits as it needs."""
    if dollars == 0:
        return "free"
    return f"${dollars:.2f}" if dollars >= 0.01 else f"${dollars:.5f}"


def count(number: int, noun: str) -> str:
    """`1 document`, `1,812 documents`."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def file_name(source: str) -> str:
    """The last part of a path or an address, which is what people call a document."""
    parts = urlsplit(source)
    if parts.scheme in {"http", "https"}:
        return PurePath(parts.path).name or parts.netloc
    return PurePath(source.replace("\\", "/")).name or source


def place(item: Citation | Passage) -> str:
    """`handbook.pdf p. 4`, `orders.xlsx, sheet Orders, row 12`."""
    name = file_name(item.source) or item.title
    where = item.place if isinstance(item, Citation) else item.place()
    if where.startswith("p. "):
        return f"{name} {where}"
    if where:
        return f"{name}, {where}"
    return f"{name} p. {item.page}" if item.page is not None else name


def document_address(document_id: str, start: int, end: int) -> str:
    """Where the viewer shows the span, relative to the page."""
    return f"documents/{quote(document_id, safe='')}?start={start}&end={end}#here"


def day(iso: str) -> str:
    """`today`, `yesterday` or `3 March 2026`, in this computer's time zone; the text itself if it is no time."""
    try:
        then = datetime.fromisoformat(iso).astimezone()
    except ValueError:
        return iso
    days = (datetime.now().astimezone().date() - then.date()).days
    if days in {0, 1}:
        return ("today", "yesterday")[days]
    return f"{then.day} {then:%B %Y}"


def text(value: object) -> str:
    """Any value as HTML text, safe inside elements and quoted attributes."""
    return escape(str(value), quote=True)
