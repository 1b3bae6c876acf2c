"""The tools of this home: those that compute, the knowledge base, the web, MCP servers, and the user's own."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from graphs.errors import CrossroadsError
from graphs.tools.box import ToolBox
from graphs.tools.builtin import computing_tools

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from assistant.app import Assistant

log = logging.getLogger(__name__)


class Tools:
    """Gathers the tools once, when first needed. One that cannot be had is left out and named in `troubles`."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._lock = threading.Lock()
        self._box: ToolBox | None = None
        self.troubles: dict[str, str] = {}
        """Where tools were to come from, and why they did not."""

    def box(self) -> ToolBox:
        """All tools that can be used now."""
        with self._lock:
            if self._box is None:
                self._box = ToolBox(self._gathered())
            return self._box

    def _gathered(self) -> list[BaseTool]:
        from assistant.tools.installed import installed_tools
        from assistant.tools.knowledge import knowledge_tools
        from assistant.tools.mcp import mcp_tools
        from assistant.tools.memory import memory_tools
        from assistant.tools.web import web_tools

        found = [
            *computing_tools(),
            *memory_tools(self._assistant.facts),
            *web_tools(self._assistant.settings),
            *knowledge_tools(self._assistant),
        ]
        for source, load in (("entry points", installed_tools), ("MCP servers", mcp_tools)):
            try:
                more, troubles = load(self._assistant.settings)
            except CrossroadsError as error:
                more, troubles = [], {source: str(error)}
            found += more
            self.troubles |= troubles
        for source, why in self.troubles.items():
            log.warning("no tools from %s: %s", source, why)
        left_out = self._assistant.settings.tools.names(self._assistant.settings.tools.without)
        return [tool for tool in found if tool.name not in left_out]
