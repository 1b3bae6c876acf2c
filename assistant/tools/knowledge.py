"""The knowledge base as tools: its passages themselves, not an answer from them, and what its tables compute."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from graphs.errors import CrossroadsError
from graphs.tools.box import ACTS

if TYPE_CHECKING:
    from assistant.app import Assistant

_MARKER = re.compile(r" \[\d+\]")
"""Marks of citations, which a tool's output cannot carry."""


def knowledge_tools(assistant: Assistant) -> list[BaseTool]:
    """`search_documents` and `query_tables`."""

    def search_documents(query: str) -> str:
        """Search the loaded documents and list the passages that match the words best."""
        try:
            hits = assistant.knowledge.search(query, "", 5)
        except CrossroadsError as error:
            raise ToolException(str(error)) from None
        if not hits:
            return "No passage was found."
        return "\n\n".join(f"{hit.chunk.title} ({hit.chunk.source}):\n{hit.chunk.text}" for hit in hits)

    def query_tables(question: str) -> str:
        """Work out a count, a sum, an average or a filter on the rows of the loaded tables and spreadsheets."""
        from assistant.knowledge.tables.answer import KnowledgeTables

        collection = assistant.settings.knowledge.collection
        try:
            found = KnowledgeTables(assistant.resources.knowledge.get(), collection).answer(question)
        except CrossroadsError as error:
            raise ToolException(str(error)) from None
        return _MARKER.sub("", found.text) if found else "No loaded table answers this."

    return [StructuredTool.from_function(tool, metadata={ACTS: False}) for tool in (search_documents, query_tables)]
