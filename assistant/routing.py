"""The router in use: the live one of the home's registry, else the one that ships."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.config import Settings
from graphs.answer import Path as Path_
from graphs.errors import CrossroadsError
from training.router.model import FILE, RouterModel

if TYPE_CHECKING:
    from assistant.outcomes_seen import Outcome
    from graphs.context import Router

WEIGHTS = Path(__file__).resolve().parent / "weights" / "router"
NAME = "router"
"""What the registry calls a router that is to be used."""
_LOOK_SECONDS = 60.0
"""How long grades that other processes were given may go unseen."""
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


class HomeRouter:
    """The router in use, moved by what this home's grades and votes say. Nothing is trained; it takes milliseconds."""

    def __init__(self, base: Callable[[], Router | None], outcomes: Callable[[str], Mapping[str, Outcome]]) -> None:
        """`outcomes` gives the outcome of each answer by its id, of every one or only of one."""
        self._base, self._outcomes = base, outcomes
        self._lock = threading.Lock()
        self._made: Router | None = None
        self._for: Router | None = None
        self._said: dict[str, tuple[Path_, float, bool]] = {}
        self._looked = float("-inf")
        self._changed: set[str] = set()

    def get(self) -> Router | None:
        """The router, looked at anew after `forget`."""
        base = self._base()
        if not isinstance(base, RouterModel):
            return base
        with self._lock:
            if self._made is None or self._for is not base:
                self._look(base)
                self._made, self._for = base.shifted(self._by_path()), base
            return self._made

    def forget(self, answer_id: str = "") -> None:
        """A grade or a vote was given to this answer, or what graders count was changed: look at that anew."""
        with self._lock:
            self._changed.add(answer_id)
            self._made = None

    def _look(self, base: RouterModel) -> None:
        """At what changed; at everything where that is not known, or other processes were not heard of for a while."""
        lately = time.monotonic() - self._looked < _LOOK_SECONDS
        known = lately and self._for is base and "" not in self._changed
        for answer_id in self._changed if known else ("",):
            found = self._outcomes(answer_id)
            said = {key: (path, base.chances(seen, [])[path], right) for key, (path, seen, right) in found.items()
                    if path in base.heads}  # fmt: skip
            if answer_id:
                self._said.pop(answer_id, None)
                self._said |= said
            else:
                self._said, self._looked = said, time.monotonic()
        self._changed.clear()

    def _by_path(self) -> dict[Path_, list[tuple[float, bool]]]:
        found: dict[Path_, list[tuple[float, bool]]] = {}
        for path, chance, right in self._said.values():
            found.setdefault(path, []).append((chance, right))
        return found


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
