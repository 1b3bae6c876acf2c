"""What commands share: options, output, and a session with the assistant, here or in the running service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.output import say
from assistant.cli.place import home_folder
from assistant.service import Client, find_service
from graphs.errors import UsageError

if TYPE_CHECKING:
    from assistant.config import Settings

Home = Annotated[Path | None, typer.Option("--home", help="The folder all data lives under.", show_default=False)]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="A setting for this command alone, as key=value.", metavar="KEY=VALUE", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]

OnEvent = Callable[[dict[str, Any]], None]
Run = Callable[[str, dict[str, Any], OnEvent], Any]
"""Runs an operation: name, arguments, what to do with its events; returns its result."""


@contextmanager
def session(home: Path | None, overrides: list[str] | None, *, tell: bool = True) -> Iterator[Run]:
    """Operations go through the running service of the home, else to an assistant opened in this process.

    With `--set` it is always this process: a service has its own settings.
    """
    service = None if overrides else find_service(home_folder(home))
    if service:
        yield Client(service).run
        return
    from assistant.app import open_assistant
    from assistant.operations import run_here

    settings = settings_for(home, overrides)
    if tell:
        say("No service runs for this home, so what is needed is loaded here (`crossroads serve` keeps it loaded).")
    with open_assistant(settings, progress=say) as assistant:
        yield lambda operation, arguments, on_event: run_here(assistant, operation, arguments, on_event)


def settings_for(home: Path | None, overrides: list[str] | None = None, **flags: Any) -> Settings:
    """The settings, with a command's flags on top; a flag `serve_port` is the setting `serve.port`."""
    from assistant.config import load_settings

    dotted = {name.replace("_", ".", 1): value for name, value in flags.items()}
    return load_settings({**_pairs(overrides or []), "home": home, **dotted})


def _pairs(overrides: list[str]) -> dict[str, str]:
    pairs = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key:
            raise UsageError(
                f"{override!r} is no setting.", "Write --set key=value, such as --set answering.refuse=0.7."
            )
        pairs[key.strip()] = value.strip()
    return pairs
