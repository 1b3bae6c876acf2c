"""The list of conversations, kept by the server."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from urllib.parse import quote

from assistant.records import ThreadInfo
from assistant.ui.words import count, day
from assistant.ui.words import text as safe

SHOWN = 200


def conversations(threads: Sequence[ThreadInfo], current: str, search: str) -> str:
    """The conversations grouped by day, newest first; says so where there are none."""
    if not threads:
        none = f"No conversation mentions “{search}”." if search else "Your conversations will stand here."
        return f'<p class="faint">{safe(none)}</p>'
    newest = sorted(threads, key=lambda thread: thread.updated, reverse=True)
    more = f'<p class="faint">{count(len(newest) - SHOWN, "older one")}: search to find them.</p>' * (
        len(newest) > SHOWN
    )
    groups = groupby(newest[:SHOWN], key=lambda thread: _group(thread.updated))
    lists = "".join(
        f"<h3>{name}</h3><ul>{''.join(_item(thread, current) for thread in group)}</ul>" for name, group in groups
    )
    return lists + more


def _group(updated: str) -> str:
    name = day(updated)
    return name.capitalize() if name in {"today", "yesterday"} else "Earlier"


def _item(thread: ThreadInfo, current: str) -> str:
    here = ' aria-current="page"' if thread.thread_id == current else ""
    title, name = safe(thread.title or "Untitled"), quote(thread.thread_id, safe="")
    return (
        f'<li data-thread="{safe(thread.thread_id)}"><a href="./?thread={name}"{here} dir="auto">{title}</a>'
        f'<details class="menu"><summary aria-label="More about {title}"><span aria-hidden="true">⋯</span></summary>'
        '<div class="menu-items"><button type="button" data-do="rename">Rename</button>'
        f'<a href="ui/threads/{name}/export?format=markdown" download>Export as text</a>'
        f'<a href="ui/threads/{name}/export?format=json" download>Export as JSON</a>'
        '<button type="button" data-do="delete">Delete …</button></div></details></li>'
    )
