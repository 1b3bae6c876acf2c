"""The router in use: the live one of the home's registry, else the one that ships."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.config import Settings
from assistant.grades.judged import BAD, GOOD
from graphs.answer import Path as Path_
from graphs.errors import CrossroadsError
from training.router.model import FILE, RouterModel

if TYPE_CHECKING:
    from assistant.feedback import Feedback
    from assistant.grades.grading import Grading
    from graphs.context import Router

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


Outcome = tuple[Path_, dict[str, float], bool]
"""The path an answer took, what was seen of the request, and whether it was a good answer."""


class HomeRouter:
    """The router in use, moved by what this home's grades and votes say. Nothing is trained; it takes milliseconds."""

    def __init__(self, base: Callable[[], Router | None], outcomes: Callable[[], Iterable[Outcome]]) -> None:
        self._base, self._outcomes = base, outcomes
        self._lock = threading.Lock()
        self._made: tuple[Router, Router] | None = None

    def get(self) -> Router | None:
        """The router, looked at anew after `forget`."""
        base = self._base()
        if not isinstance(base, RouterModel):
            return base
        with self._lock:
            if self._made is None or self._made[0] is not base:
                self._made = (base, base.shifted(self._by_path(base)))
            return self._made[1]

    def forget(self) -> None:
        """A grade or a vote was given: what was learned from them is looked at anew."""
        with self._lock:
            self._made = None

    def _by_path(self, base: RouterModel) -> dict[Path_, list[tuple[float, bool]]]:
        found: dict[Path_, list[tuple[float, bool]]] = {}
        for path, seen, right in self._outcomes():
            if path in base.heads:
                found.setdefault(path, []).append((base.chances(seen, [])[path], right))
        return found


def outcomes_of(grading: Grading, feedback: Feedback) -> Iterator[Outcome]:
    """What grades and votes say of the paths taken; where both were given the grade counts."""
    graded = {one.logged.answer.answer_id: one for one in grading.judged()}
    for one in graded.values():
        route = one.logged.answer.route
        if route.seen and (one.share >= GOOD or one.share < BAD):
            yield route.path, route.seen, one.share >= GOOD
    for vote in feedback.list():
        found = None if vote.answer_id in graded else feedback.snapshot(vote.answer_id)
        if found and found[1].route.seen:
            yield found[1].route.path, found[1].route.seen, vote.vote == "up"


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
