"""Load a source again: from its file or address, or where that is gone, from the text that is kept."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from assistant.knowledge.fetch import is_url
from assistant.knowledge.overview import overview
from graphs.errors import CrossroadsError, NotFoundError

if TYPE_CHECKING:
    from assistant.knowledge.base import KnowledgeBase

From = Literal["source", "text"]


def load_again(knowledge: KnowledgeBase, source: str, collection: str, document_id: str = "") -> From:
    """Begin, in the background; what it is made from. Raises `NotFoundError`.

    Only what was loaded before, or failed then, may be named: who asks is not the owner of every file.
    """
    known = {(item.source, item.collection) for item in overview(knowledge, collection)}
    if (source, collection) not in known:
        raise NotFoundError(f"{source!r} was never loaded into {collection!r}.", "Add it beside the chat.")
    there = is_url(source) or (Path(source).is_absolute() and Path(source).is_file())
    if document_id:
        knowledge.catalogue.mark_unindexed([document_id])
    if there:
        _in_background(lambda: knowledge.ingest([source], collection))
        return "source"
    if document_id:
        _in_background(knowledge.mend)
        return "text"
    name = PurePosixPath(source.replace("\\", "/")).name or source
    raise NotFoundError(f"The file {name!r} is not kept.", "Add it again beside the chat.")


def _in_background(work: Callable[[], Any]) -> None:
    def quietly() -> None:
        with contextlib.suppress(CrossroadsError):  # the job, or the document's state, says so
            work()

    threading.Thread(target=quietly, name="knowledge-again", daemon=True).start()
