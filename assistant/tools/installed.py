"""The user's own tools: packages that declare an entry point in the group `crossroads.tools`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from langchain_core.tools import BaseTool, StructuredTool

if TYPE_CHECKING:
    from assistant.config import Settings

GROUP = "crossroads.tools"


def installed_tools(settings: Settings) -> tuple[list[BaseTool], dict[str, str]]:
    """The tools of every entry point, and why some could not be had.

    An entry point names a LangChain tool, a plain function with types and a docstring, or a list of such. A tool acts,
    and so needs consent, unless its metadata has `crossroads_acts: False`.
    """
    found: list[BaseTool] = []
    troubles: dict[str, str] = {}
    for point in entry_points(group=GROUP):
        if point.name in settings.tools.names(settings.tools.without):
            continue
        try:
            loaded = point.load()
            found += [_as_tool(one) for one in (loaded if isinstance(loaded, Sequence) else [loaded])]
        except Exception as error:  # somebody else's package may fail in any way; the assistant goes on without it
            troubles[f"entry point {point.name}"] = f"{type(error).__name__}: {error}"
    return found, troubles


def _as_tool(given: Any) -> BaseTool:
    return given if isinstance(given, BaseTool) else StructuredTool.from_function(given)
