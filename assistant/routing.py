"""The router in use: the live one of the home's registry, else the one that ships."""

from __future__ import annotations

import logging
from pathlib import Path

from assistant.config import Settings
from graphs.errors import CrossroadsError
from training.router.model import FILE, RouterModel

WEIGHTS = Path(__file__).resolve().parent / "weights" / "router"
NAME = "router"
"""What the registry calls a router that is to be used."""
log = logging.getLogger(__name__)


def open_router(settings: Settings) -> RouterModel | None:
    """The router, or None where there is none that fits this version: rules then choose the path."""
    for folder in (_trained_here(settings), WEIGHTS):
        if folder is None or not (folder / FILE).is_file():
            continue
        try:
            return RouterModel.load(folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("The router in %s is not used: %s", folder, error)
    return None


def _trained_here(settings: Settings) -> Path | None:
    from training.registry import Registry

    folder = settings.home / "models"
    if not folder.is_dir():
        return None
    registry = Registry(folder)
    try:
        version = registry.live(NAME)
        return registry.folder(NAME, version.version) if version and version.kind == "router" else None
    except CrossroadsError as error:
        log.warning("The home's router is not used: %s", error)
        return None
