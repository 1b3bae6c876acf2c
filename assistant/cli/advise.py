"""`crossroads advise`: which path to try first, and which measurement would settle it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from assistant.cli.common import Json
from assistant.cli.output import put, put_json
from graphs.errors import UsageError

if TYPE_CHECKING:
    from eval.advice import Advice

_QUESTIONS: dict[str, str] = {
    "need": "What is wrong with the answers of a plain model: their format, their knowledge, or both?",
    "documents": "Do the facts stand in documents you have?",
    "changing": "Do the facts change from week to week?",
    "labelled": "How many questions do you have whose right answer is written down?",
    "gpu": "Is there a GPU to train on?",
    "private": "Must everything stay on this computer?",
    "budget": "How many US dollars may be spent a month?",
    "requests": "How many requests do you expect a month?",
}


def advise(
    need: Annotated[
        Literal["format", "knowledge", "both"] | None, typer.Option(help="What is wrong.", show_default=False)
    ] = None,
    documents: Annotated[
        bool | None, typer.Option("--documents/--no-documents", help="Facts stand in documents.", show_default=False)
    ] = None,
    changing: Annotated[
        bool | None, typer.Option("--changing/--stable", help="Facts change often.", show_default=False)
    ] = None,
    labelled: Annotated[
        int | None, typer.Option(help="Questions with right answers.", min=0, show_default=False)
    ] = None,
    gpu: Annotated[bool | None, typer.Option("--gpu/--no-gpu", help="A GPU to train on.", show_default=False)] = None,
    private: Annotated[
        bool | None, typer.Option("--private/--public", help="Nothing may leave this computer.", show_default=False)
    ] = None,
    budget: Annotated[float | None, typer.Option(help="US dollars a month.", min=0, show_default=False)] = None,
    requests: Annotated[int | None, typer.Option(help="Requests a month.", min=0, show_default=False)] = None,
    as_json: Json = False,
) -> int:
    """Ask about your problem and say which path to try first, why, and how to find out whether that is right.

    Example: crossroads advise --need knowledge --documents --changing --labelled 40 --no-gpu --private --budget 0
    --requests 1000
    """
    given: dict[str, Any] = {
        "need": need, "documents": documents, "changing": changing, "labelled": labelled, "gpu": gpu,
        "private": private, "budget": budget, "requests": requests,
    }  # fmt: skip
    answers = _completed(given, as_json)
    from eval.advice import Situation
    from eval.advice import advise as think

    budget_usd = answers.pop("budget")
    advice = think(Situation(**answers, budget_usd=budget_usd))
    if as_json:
        put_json(asdict(advice))
    else:
        _show(advice)
    return 0


def _completed(given: dict[str, Any], as_json: bool) -> dict[str, Any]:
    """The answers, the missing ones asked for. Raises `UsageError` where nobody is there to ask."""
    missing = [name for name, value in given.items() if value is None]
    if missing and (as_json or not sys.stdin.isatty()):
        raise UsageError(f"The answer to {missing[0]!r} is missing: {_QUESTIONS[missing[0]]}", f"Give --{missing[0]}.")
    return {name: _asked(name) if value is None else value for name, value in given.items()}


def _asked(name: str) -> Any:
    if name == "need":
        from click import Choice

        return typer.prompt(_QUESTIONS[name], type=Choice(["format", "knowledge", "both"]), err=True)
    if name in {"labelled", "requests", "budget"}:
        return typer.prompt(_QUESTIONS[name], type=float if name == "budget" else int, err=True)
    return typer.confirm(_QUESTIONS[name], err=True)


def _show(advice: Advice) -> None:
    put(f"Try first: {advice.first}. Then: {advice.then}.")
    for reason in advice.reasons:
        put(f"  {reason}")
    for path, why in advice.against.items():
        put(f"Not {path}: {why}")
    put("What settles it:")
    for step in advice.measure:
        put(f"  {step}")
