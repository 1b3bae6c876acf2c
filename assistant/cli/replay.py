"""`crossroads replay`: run a stored turn again from one of its steps."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put, put_answer, put_json, quiet, say_status


def replay(
    thread: Annotated[str, typer.Argument(help="The conversation.", show_default=False)],
    question: Annotated[
        str, typer.Option(help="The turn, by its question_id; else the last one.", show_default=False)
    ] = "",
    from_: Annotated[
        str, typer.Option("--from", help="The step to begin with, such as verify.", show_default=False)
    ] = "",
    steps: Annotated[bool, typer.Option("--steps", help="List the steps of the turns instead.")] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Run a stored turn again, from any of its steps, in a new conversation; the stored one stays as it is.

    Example: crossroads replay 3f0c… --from answer_from_passages --set answering.refuse=0.8
    """
    with session(home, set_) as run:
        if steps:
            listed = run("threads/steps", {"thread_id": thread, "question_id": question}, quiet)
            if as_json:
                put_json(listed)
                return 0
            for turn in listed["turns"]:
                put(turn["question_id"])
                for step in turn["steps"]:
                    put(f"  {step['node']:<24} {1000 * step['seconds']:8.1f} ms  {len(step['calls'])} model calls")
            return 0
        arguments = {"thread_id": thread, "question_id": question, "node": from_}
        result = run("replay", arguments, quiet if as_json else say_status)
    put_answer(result, as_json)
    return 0
