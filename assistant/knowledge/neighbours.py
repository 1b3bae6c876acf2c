"""The text around a passage, for whoever answers from it: found by its own words, read with its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from assistant.knowledge.chunking import TokenStarts
from assistant.knowledge.places import page_at
from assistant.knowledge.types import Hit, Page

if TYPE_CHECKING:
    from assistant.knowledge.catalogue import Catalogue

_REACH = 12
"""Characters that are sure to hold a token."""


def widened(hits: Sequence[Hit], catalogue: Catalogue, tokens: int, token_starts: TokenStarts) -> list[Hit]:
    """Each hit with so many tokens of its document more on both sides, on its own page: still an exact span of it."""
    if not tokens:
        return list(hits)
    known = catalogue.pages([hit.chunk.document_id for hit in hits])
    return [_widen(hit, catalogue, known.get(hit.chunk.document_id, ("", ()))[1], tokens, token_starts) for hit in hits]


def _widen(hit: Hit, catalogue: Catalogue, pages: Sequence[Page], tokens: int, token_starts: TokenStarts) -> Hit:
    chunk, reach = hit.chunk, tokens * _REACH
    page = page_at(pages, chunk.start)
    first = max(page.start if page else 0, chunk.start - reach)
    last = min(page.end, chunk.end + reach) if page else chunk.end + reach
    before = catalogue.piece(chunk.document_id, first, chunk.start)
    after = catalogue.piece(chunk.document_id, chunk.end, last)
    left, right = token_starts(before), token_starts(after)
    start = first + (left[-tokens] if len(left) > tokens else 0)
    added = after[: right[tokens]] if len(right) > tokens else after
    text = before[start - first :] + chunk.text + added.rstrip()
    lead = len(text) - len(text.lstrip())
    return replace(hit, chunk=replace(chunk, text=text[lead:], start=start + lead, end=start + len(text)))
