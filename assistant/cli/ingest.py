"""`crossroads ingest`: documents in."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Run, Set, session
from assistant.cli.output import put, put_json, quiet, say
from assistant.cli.place import home_folder
from assistant.service import find_service
from graphs.errors import UsageError


def ingest(
    sources: Annotated[list[str], typer.Argument(help="Files, folders or web addresses.", show_default=False)],
    collection: Annotated[str, typer.Option(help="Where to put them.", show_default=False)] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Delete documents whose files are gone.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and follow every change until Ctrl-C.")] = False,
    background: Annotated[bool, typer.Option("--background", help="Only queue it, for the running service.")] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Load documents so that questions about them can be answered. Loading again changes nothing.

    Example: crossroads ingest handbook.pdf notes/ https://example.org/guide.html
    """
    if watch and background:
        raise UsageError("--watch and --background exclude each other.", "Give one of them.")
    places = [_absolute(source) for source in sources]
    arguments = {"sources": places, "collection": collection, "follow": follow or watch, "background": background}
    if background:
        return _queue(arguments, home, set_, as_json)
    with session(home, set_) as run:
        report = run("ingest", arguments, _show)
        _tell(report, as_json)
        if watch:
            _keep_watching(run, places, arguments, as_json)
    return 1 if report["failed"] else 0


def _queue(arguments: dict[str, Any], home: Any, set_: list[str] | None, as_json: bool) -> int:
    if find_service(home_folder(home)) is None:
        raise UsageError("No service runs for this home that would work on it.", "Start `crossroads serve` first.")
    with session(home, set_) as run:
        job = run("ingest", arguments, quiet)
    if as_json:
        put_json(job)
    else:
        put(f"queued as {job['job_id'][:8]}; `crossroads knowledge jobs` shows how it goes")
    return 0


def _keep_watching(run: Run, places: list[str], arguments: dict[str, Any], as_json: bool) -> None:
    """Load what changes below the places, and delete what goes, until interrupted."""
    from watchfiles import watch

    folders = [place for place in places if not place.startswith(("http://", "https://"))]
    say(f"watching {', '.join(folders)}; Ctrl-C ends it")
    for changes in watch(*folders, raise_interrupt=False):
        paths = sorted({path for _, path in changes})
        there = [path for path in paths if os.path.isfile(path) and _is_document(path, folders)]
        gone = [path for path in paths if not os.path.lexists(path)]
        if there or gone:
            _tell(run("ingest", {**arguments, "sources": there, "gone": gone, "follow": False}, _show), as_json)


def _is_document(path: str, folders: list[str]) -> bool:
    """Whether the ingest of one of the folders would take this file."""
    from assistant.knowledge.loaders import READABLE

    below = next((os.path.relpath(path, folder) for folder in folders if path.startswith(folder + os.sep)), "")
    hidden = any(part.startswith(".") for part in below.split(os.sep) if part)
    return not hidden and os.path.splitext(path)[1].lower() in READABLE


def _tell(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        put_json(report)
        return
    more = f", {report['moved']} of them moved" if report["moved"] else ""
    gone = f", {report['deleted']} deleted" if report["deleted"] else ""
    put(
        f"{report['documents']} documents loaded as {report['chunks']} passages{more}, "
        f"{report['unchanged']} unchanged{gone}, {len(report['failed'])} failed, in {report['seconds']:.1f} s"
    )
    for failure in report["failed"]:
        say(f"{failure['source']}: {failure['error']}")
    for alike in report["similar"]:
        say(f"{alike['source']} says nearly the same as {alike['like']} ({alike['share']:.0%})")


def _absolute(source: str) -> str:
    """Paths as they stand from here: a service stands elsewhere."""
    return source if source.startswith(("http://", "https://")) else os.path.abspath(os.path.expanduser(source))


def _show(event: dict[str, Any]) -> None:
    detail = f": {event['detail']}" if event["detail"] else ""
    say(f"[{event['finished']}/{event['total']}] {event['state']} {event['source']}{detail}")
