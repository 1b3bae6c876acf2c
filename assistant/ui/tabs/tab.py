"""What an area of the page is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter

from assistant.people.roles import Permission

if TYPE_CHECKING:
    from assistant.app import Assistant


@dataclass(frozen=True)
class Tab:
    """One area of the page."""

    name: str
    """Part of addresses: `./?tab=NAME`."""
    title: str
    """What people read; also the area's heading."""
    html: Callable[[Assistant, Mapping[str, str]], str]
    """The fragment below the heading, from what the address asks for. Everything foreign in it must be escaped."""
    routes: Callable[[APIRouter, Assistant], None] | None = None
    """Adds the area's own endpoints. What changes something depends on `assistant.ui.ours.from_our_page`."""
    needs: Permission = "ask"
    """Who sees the area."""
    changes: Permission | None = None
    """Who may use its own endpoints, where that is not everyone who sees it."""
    script: bool = True
    """Whether there is a `static/tabs/NAME.js`."""
