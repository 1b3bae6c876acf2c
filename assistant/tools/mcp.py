"""Tools of MCP servers, through langchain-mcp-adapters. Each use opens a session of its own and closes it again.

What a server says about itself ("read only") is not believed: each of its tools needs consent unless the setting
`tools.without_consent` names it.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from graphs.errors import SettingsError
from graphs.tools.box import ACTS

if TYPE_CHECKING:
    from assistant.config import Settings

SECONDS = 60.0
"""How long a server may take to list its tools or to run one."""


def mcp_tools(settings: Settings) -> tuple[list[BaseTool], dict[str, str]]:
    """The tools of every server in the file `tools.mcp_file`, and why some servers gave none.

    Names are `SERVER_TOOL`. Raises `SettingsError` where the file cannot be read or the extra `mcp` is not installed.
    """
    if not settings.tools.mcp_file:
        return [], {}
    connections = _connections(Path(settings.tools.mcp_file).expanduser())
    try:
        from langchain_mcp_adapters.client import MultiServerMCPClient
    except ImportError:
        cure = "Install it: pip install 'crossroads-assistant[mcp]'."
        raise SettingsError("tools.mcp_file is set, but the MCP client is not installed.", cure) from None
    client = MultiServerMCPClient(connections, tool_name_prefix=True, handle_tool_errors=False)
    trusted = settings.tools.names(settings.tools.without_consent)
    found: list[BaseTool] = []
    troubles: dict[str, str] = {}
    for server in connections:
        try:
            listed = asyncio.run(asyncio.wait_for(client.get_tools(server_name=server), SECONDS))
            found += [_plain(tool, trusted) for tool in listed]
        except Exception as error:  # a server that is down, or no server at all: the assistant goes on without it
            troubles[f"MCP server {server}"] = _reason(error)
    return found, troubles


def _connections(path: Path) -> dict[str, Any]:
    """The servers of a file as MCP clients share it: `{"mcpServers": {NAME: {"command", "args"} or {"url"}}}`."""
    cure = 'Write {"mcpServers": {"name": {"command": "…", "args": []}}} or {"name": {"url": "https://…"}}.'
    try:
        servers = json.loads(path.read_text(encoding="utf-8"))["mcpServers"]
        return {str(name): _connection(about) for name, about in servers.items()}
    except OSError as error:
        raise SettingsError(f"tools.mcp_file {str(path)!r} cannot be read: {error.strerror}.", cure) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"tools.mcp_file {str(path)!r} lists no MCP servers: {error}.", cure) from None


def _connection(about: dict[str, Any]) -> dict[str, Any]:
    if "url" in about:
        return {"transport": "streamable_http", "url": about["url"], "headers": about.get("headers")}
    return {
        "transport": "stdio", "command": about["command"], "args": list(about.get("args", [])), "env": about.get("env")
    }  # fmt: skip


def _plain(tool: BaseTool, trusted: set[str]) -> BaseTool:
    """The tool as one that is called without an event loop, and that counts as acting unless the user trusts it."""

    def run(**arguments: Any) -> Any:
        try:
            return asyncio.run(asyncio.wait_for(tool.ainvoke(arguments), SECONDS))
        except ToolException:
            raise
        except Exception as error:
            raise ToolException(_reason(error)) from error

    return StructuredTool(
        name=tool.name,
        description=tool.description or tool.name,
        args_schema=tool.args_schema or {},
        func=run,
        metadata={ACTS: tool.name not in trusted},
    )


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return f"no answer within {SECONDS:g} seconds"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
