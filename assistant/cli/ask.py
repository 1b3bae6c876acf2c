"""`crossroads ask`: one question, or a file of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put_answer, quiet, say_status
from graphs.errors import UsageError


def ask(
    question: Annotated[
        str, typer.Argument(help="What to ask; - reads it from standard input.", show_default=False)
    ] = "",
    path: Annotated[str, typer.Option(help="auto, zero_shot, few_shot, rag, tuned, tuned_rag or tools.")] = "auto",
    thread: Annotated[str, typer.Option(help="The conversation to go on with.", show_default=False)] = "",
    collection: Annotated[str, typer.Option(help="Where to look.", show_default=False)] = "",
    model: Annotated[str, typer.Option(help="The chat model, as provider:model.", show_default=False)] = "",
    effort: Annotated[str, typer.Option(help="quick, balanced or thorough.", show_default=False)] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="A label the answer may be; name each one.", show_default=False)
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="A JSON schema the answer fills from the text.", show_default=False)
    ] = None,
    batch: Annotated[
        Path | None, typer.Option(help="A JSON Lines file of samples to answer.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the answers to --batch go.", show_default=False)] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Ask a question; prints the answer with its sources.

    Example: crossroads ask "How do I load a folder of PDFs?"

    Example: crossroads ask "My card was stolen" --label lost_card --label greeting

    Example: crossroads ask --batch samples.jsonl --out answers.jsonl
    """
    asked: dict[str, Any] = {
        "path": path,
        "collection": collection,
        "model": model,
        "effort": effort,
        "labels": label or [],
    }
    if schema is not None:
        asked["form"] = read_schema(schema)
    if batch is not None or out is not None:
        from assistant.cli.batch import answer_all

        if batch is None or out is None or question or thread:
            raise UsageError(
                "--batch FILE and --out FILE go together, without a question.", "Give both, or a question."
            )
        with session(home, set_) as run:
            return answer_all(run, batch, out, asked, as_json)
    text = sys.stdin.read() if question == "-" else question
    if not text.strip():
        raise UsageError(f"The message {text[:60]!r} is empty.", 'Write a question: crossroads ask "…".')
    with session(home, set_) as run:
        result = run("ask", {**asked, "question": text, "thread_id": thread}, quiet if as_json else say_status)
    put_answer(result, as_json)
    return 0


def read_schema(file: Path) -> dict[str, Any]:
    """The JSON schema in a file. Raises `UsageError` where there is none."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(file)!r} holds no JSON schema: {error}.", "Name a file with a JSON object.") from None
    if not isinstance(value, dict):
        raise UsageError(f"{str(file)!r} holds no JSON schema.", "Name a file with a JSON object.")
    return value
