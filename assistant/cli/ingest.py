"""`crossroads ingest`: documents in."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put, put_json, say


def ingest(
    sources: Annotated[list[str], typer.Argument(help="Files, folders or web addresses.", show_default=False)],
    collection: Annotated[str, typer.Option(help="Where to put them.", show_default=False)] = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Load documents so that questions about them can be answered. Loading again changes nothing.

    Example: crossroads ingest handbook.pdf notes/ https://example.org/guide.html
    """
    arguments = {"sources": [_absolute(source) for source in sources], "collection": collection}
    with session(home, set_) as run:
        report = run("ingest", arguments, _show)
    if as_json:
        put_json(report)
    else:
        put(
            f"{report['documents']} documents loaded as {report['chunks']} passages, {report['unchanged']} unchanged, "
            f"{len(report['failed'])} failed, in {report['seconds']:.1f} s"
        )
        for failure in report["failed"]:
            say(f"{failure['source']}: {failure['error']}")
    return 1 if report["failed"] else 0


def _absolute(source: str) -> str:
    """Paths as they stand from here: a service stands elsewhere."""
    return source if source.startswith(("http://", "https://")) else os.path.abspath(os.path.expanduser(source))


def _show(event: dict[str, Any]) -> None:
    detail = f": {event['detail']}" if event["detail"] else ""
    say(f"[{event['finished']}/{event['total']}] {event['state']} {event['source']}{detail}")
