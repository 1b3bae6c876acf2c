"""Where a command's home is, found without reading the other settings: that takes longer than a question."""

from __future__ import annotations

import os
from pathlib import Path

from graphs.errors import SettingsError


def home_folder(flag: Path | None) -> Path:
    """The home as the settings would say: flag, variable, `.env`, `crossroads.toml`, the system's folder for data."""
    if flag is not None:
        return flag
    found = os.environ.get("CROSSROADS_HOME") or _home_in_dotenv() or _home_in_file()
    if found:
        return Path(found)
    import platformdirs

    return Path(platformdirs.user_data_dir("crossroads", appauthor=False))


def _home_in_dotenv() -> str:
    if not Path(".env").is_file():
        return ""
    from dotenv import dotenv_values

    return dotenv_values(".env").get("CROSSROADS_HOME") or ""


def _home_in_file() -> str:
    path = Path(os.environ.get("CROSSROADS_CONFIG") or "crossroads.toml")
    if not path.is_file():
        return ""
    import tomllib

    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8")).get("home", ""))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.", "Correct the file or move it away.") from None
