"""`crossroads approve`: say yes or no to what a conversation waits with."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put_answer, quiet, say_status
from graphs.errors import NotFoundError


def approve(
    thread: Annotated[str, typer.Argument(help="The conversation that waits.", show_default=False)],
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse instead of agreeing.")] = False,
    call: Annotated[
        list[str] | None, typer.Option(help="Agree to this use alone, by its call_id.", show_default=False)
    ] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Agree to what a tool is about to do, or refuse it; the conversation goes on from there.

    Example: crossroads approve 3f0c… --refuse
    """
    with session(home, set_) as run:
        waiting = run("threads/show", {"thread_id": thread}, quiet)["turns"]
        pending = (waiting[-1]["answer"] or {}).get("pending", []) if waiting else []
        if not pending:
            raise NotFoundError(f"Nothing in the conversation {thread!r} waits for consent.", "It was decided already.")
        agreed = [] if refuse else [one["call_id"] for one in pending if not call or one["call_id"] in call]
        arguments = {"thread_id": thread, "approved": agreed}
        result = run("approve", arguments, quiet if as_json else say_status)
    put_answer(result, as_json)
    return 0
