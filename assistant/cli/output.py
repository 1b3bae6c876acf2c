"""What commands print: results on standard output, everything else on standard error. Standard library alone."""

from __future__ import annotations

import json
import sys
from typing import Any

from graphs.errors import CrossroadsError, SettingsError, UsageError

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def say(text: str) -> None:
    """A line for a person, on standard error."""
    sys.stderr.write(text + "\n")  # in one piece: several threads tell what they load
    sys.stderr.flush()


def put(text: str) -> None:
    """A line of the result, on standard output."""
    print(_printable(text), flush=True)  # noqa: T201


def put_json(value: Any) -> None:
    """The result as one JSON object."""
    put(json.dumps(value, ensure_ascii=False))


def quiet(event: dict[str, Any]) -> None:
    """Do nothing with an event."""
    del event


def say_status(event: dict[str, Any]) -> None:
    """Tell what is being done."""
    if event["type"] == "status":
        say(event["text"])


def put_answer(result: dict[str, Any], as_json: bool) -> None:
    """Print what the operation `ask` gave."""
    if as_json:
        put_json({**result["answer"], "store": result["store"]})
    else:
        show(result["answer"])


def show(answer: dict[str, Any], *, with_text: bool = True) -> None:
    """Print an answer: its text and sources, and in a line on standard error how it came about."""
    if with_text:
        put(answer["text"])
    for citation in answer["citations"]:
        place = f", {citation['place']}" if citation.get("place") else ""
        put(f"{citation['marker']} {citation['title']}{place} ({citation['source']})")
    for notice in answer["notices"]:
        say(notice)
    seconds = answer["timing"]["total"] / 1000
    support = f" · {answer['grounding']['label']}" if answer["grounding"] else ""
    say(f"{answer['route']['path']}: {answer['route']['reason']}{support} · {seconds:.1f} s · {answer['model']}")
    if answer.get("pending"):
        say(f"agree with: crossroads approve {answer['thread_id']} (or --refuse)")
    elif answer["thread_id"]:
        say(f'go on with: crossroads ask --thread {answer["thread_id"]} "…"')


def report(error: CrossroadsError, as_json: bool) -> int:
    """Print an error with its cure; the exit code it means."""
    if as_json:
        put_json(error.as_json())
    else:
        say(_printable(f"{error.message}\n{error.cure}"))
    return 2 if isinstance(error, UsageError | SettingsError) else 1


def _printable(text: str) -> str:
    """The text as the terminal can show it: a stray half of a surrogate pair must not end a command."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
