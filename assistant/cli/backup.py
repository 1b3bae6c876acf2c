"""`crossroads backup` and `crossroads restore`: a whole home in one file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json

File = Annotated[Path, typer.Argument(help="The file.", show_default=False)]


def backup(file: File, home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Write the whole home into one file: documents, conversations, votes, trained models, the store.

    Example: crossroads backup monday.tar
    """
    from assistant import backup as work

    made = work.backup(settings_for(home, set_), file.expanduser().absolute())
    if as_json:
        put_json(asdict(made))
    else:
        put(f"{made.files} files, {made.bytes / 1e6:.1f} MB, written to {made.file}")
    return 0


def restore(file: File, home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Unpack a backup into an empty home.

    Example: crossroads restore monday.tar --home /srv/crossroads
    """
    from assistant import backup as work

    found = work.restore(settings_for(home, set_), file.expanduser().absolute())
    if as_json:
        put_json(asdict(found))
    else:
        put(f"{found.files} files, {found.bytes / 1e6:.1f} MB, of {found.made} restored")
    return 0
