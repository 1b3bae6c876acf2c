"""A real MCP server for the tests: over stdio, or with `http PORT` over streamable HTTP on loopback."""

from __future__ import annotations

import sys
from typing import Any


def build(port: int = 0) -> Any:
    """A server with a tool that reads and one that acts."""
    from mcp.server.fastmcp import FastMCP

    server = FastMCP("desk", host="127.0.0.1", port=port, log_level="ERROR")

    @server.tool()
    def room_of(person: str) -> str:
        """Look up which room a person sits in."""
        return f"{person} sits in room 12"

    @server.tool()
    def broken(thing: str) -> str:
        """Look up a thing that is not there."""
        raise ValueError(f"there is no {thing}")

    return server


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        build(int(sys.argv[2])).run(transport="streamable-http")
    else:
        build().run(transport="stdio")
