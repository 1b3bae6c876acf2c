"""Searching the knowledge base as a tool: the passages themselves, not an answer from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from graphs.errors import CrossroadsError
from graphs.tools.box import ACTS

if TYPE_CHECKING:
    from assistant.app import Assistant


def knowledge_tools(assistant: Assistant) -> list[BaseTool]:
    """`search_documents`."""

    def search_documents(query: str) -> str:
        """Search the loaded documents and list the passages that match the words best."""
        try:
            hits = assistant.knowledge.search(query, "", 5)
        except CrossroadsError as error:
            raise ToolException(str(error)) from None
        if not hits:
            return "No passage was found."
        return "\n\n".join(f"{hit.chunk.title} ({hit.chunk.source}):\n{hit.chunk.text}" for hit in hits)

    return [StructuredTool.from_function(search_documents, metadata={ACTS: False})]
