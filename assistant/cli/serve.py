"""`crossroads serve`: the page and the API."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json, say


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="The port; 0 takes any.", min=0, max=65535, show_default="7860")
    ] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Serve the chat page and the HTTP API on one port until Ctrl-C.

    Example: crossroads serve --port 8000
    """
    from assistant.serving import serve as run

    def ready(url: str) -> None:
        if as_json:
            put_json({"url": url})
        else:
            put(f"\n  Crossroads is ready: {url}\n")

    run(settings_for(home, set_, serve_host=host, serve_port=port), say, ready)
    say("stopped")
    return 0
