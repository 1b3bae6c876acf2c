"""Where the public data sets are: the folder `CROSSROADS_DATA` names. None is part of the project."""

from __future__ import annotations

import os
from pathlib import Path

from graphs.errors import NotFoundError, SettingsError


def data_folder() -> Path:
    """The folder `CROSSROADS_DATA` names. Raises `SettingsError` where it is not set or not there."""
    named = os.environ.get("CROSSROADS_DATA", "")
    if not named or not Path(named).is_dir():
        raise SettingsError(f"CROSSROADS_DATA is {named!r}, not a folder.", "Set it to the folder of the public sets.")
    return Path(named)


def data_file(name: str) -> Path:
    """The file of a public set by its name, packed or not. Raises `NotFoundError`."""
    folder = data_folder()
    for ending in (".jsonl", ".jsonl.gz"):
        if (path := folder / f"{name}{ending}").is_file():
            return path
    raise NotFoundError(f"{str(folder)!r} has no set {name!r}.", f"Put {name}.jsonl or {name}.jsonl.gz there.")
