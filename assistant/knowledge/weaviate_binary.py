"""Where the embedded Weaviate's binary is, and how it is had."""

from __future__ import annotations

import hashlib
from pathlib import Path

from assistant.config import Settings

VERSION = "1.38.11"


def place(settings: Settings) -> Path:
    """Where the binary belongs: the name the Weaviate client's own embedded mode looks for."""
    tag = f"v{VERSION}"
    return settings.cache / "bin" / f"weaviate-{tag}-{hashlib.sha256(tag.encode()).hexdigest()}"


def find(settings: Settings) -> Path | None:
    """The binary if it is there."""
    path = place(settings)
    return path if path.is_file() else None
