"""`crossroads routing`: why a request would take which path, and what this home's votes teach the router."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put, put_json, quiet, say
from graphs.errors import StorageError

app = typer.Typer(help="See and teach how paths are chosen.", no_args_is_help=True)


@app.command("explain")
def explain(
    question: Annotated[str, typer.Argument(help="The request.")],
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Say which path a request would take and why, without answering it.

    Example: crossroads routing explain "How long is the warranty?"
    """
    with session(home, set_, tell=False) as run:
        decision = run("routing/explain", {"question": question}, quiet)
    if as_json:
        put_json(decision)
        return 0
    put(f"{decision['path']}: {decision['reason']}")
    for path, chance in sorted(decision["scores"].items(), key=lambda item: -item[1]):
        expected = decision["expected"].get(path)
        put(f"  {path:<10} {chance:>4.0%}" + (f"  {expected['seconds']:.1f} s" if expected else ""))
    return 0


@app.command("outcomes")
def outcomes(
    out: Annotated[Path, typer.Option(help="Where the rows go.", show_default=False)],
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Write what this home's votes say about its paths, for `crossroads train router`.

    Example: crossroads routing outcomes --out votes.jsonl
    """
    with session(home, set_, tell=False) as run:
        rows = run("routing/outcomes", {}, quiet)["rows"]
    try:
        out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{str(out)!r} cannot be written: {error.strerror}.", "Name another file.") from None
    if as_json:
        put_json({"rows": len(rows), "file": str(out)})
    else:
        say(f"{len(rows)} votes: {out}")
    return 0
