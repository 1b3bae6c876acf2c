"""Where set-up reads and writes."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
PRIVATE = ROOT / ".setup"
"""The installer, the stamp and the lock of set-up itself. Safe to delete."""
LOCK = ROOT / "requirements.lock"


def cache_folder(root: Path = ROOT) -> Path:
    """`Settings.cache` before the settings can be imported: variable, `.env`, `crossroads.toml`, default.

    A test holds this to what `assistant.config` says.
    """
    named = os.environ.get("CROSSROADS_CACHE") or _dotenv_value(root / ".env", "CROSSROADS_CACHE") or _toml_value(root)
    return Path(named).expanduser().absolute() if named else _default_cache()


def _dotenv_value(path: Path, key: str) -> str:
    if not path.is_file():
        return ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.strip().removeprefix("export ").partition("=")
        if name.strip() == key:
            return value.strip().strip("'\"")
    return ""


def _toml_value(root: Path) -> str:
    path = Path(os.environ.get("CROSSROADS_CONFIG") or root / "crossroads.toml")
    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8")).get("cache", ""))
    except (OSError, ValueError):  # the product itself says what is wrong with the file
        return ""


def _default_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "crossroads"
    return Path(os.environ.get("XDG_CACHE_HOME", "").strip() or Path.home() / ".cache") / "crossroads"
