"""Fetching a page the user named. The address must stand in the user's own words; `fetch.py` guards where it leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from graphs.errors import CrossroadsError
from graphs.tools.box import ACTS, OWN_WORDS

if TYPE_CHECKING:
    from assistant.config import Settings


def web_tools(settings: Settings) -> list[BaseTool]:
    """`fetch_page`, where it is allowed."""
    if not settings.tools.web:
        return []

    def fetch_page(url: str) -> str:
        """Fetch a web page or a document from an address the user wrote, and show its text."""
        return _text_of(url, settings)

    return [StructuredTool.from_function(fetch_page, metadata={ACTS: False, OWN_WORDS: ["url"]})]


def _text_of(url: str, settings: Settings) -> str:
    from assistant.knowledge.fetch import fetch
    from assistant.knowledge.loaders import load

    try:
        found = fetch(url, settings)
        return load(found.data, url, declared=found.media_type).text
    except CrossroadsError as error:
        raise ToolException(str(error)) from None
