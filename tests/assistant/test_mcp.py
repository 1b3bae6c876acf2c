from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool, ToolException

from assistant.config import Settings
from assistant.tools.installed import installed_tools
from graphs.errors import SettingsError
from graphs.nodes.tools import as_text
from graphs.tools.box import acts

pytest.importorskip("langchain_mcp_adapters", reason="the extra mcp is not installed")
SERVER = str(Path(__file__).with_name("mcp_server.py"))


def settings(tmp_path: Path, servers: dict[str, Any], **tools: str) -> Settings:
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    return Settings(home=tmp_path / "home", tools={"mcp_file": str(path), **tools})


def load(made: Settings) -> tuple[dict[str, BaseTool], dict[str, str]]:
    from assistant.tools.mcp import mcp_tools

    found, troubles = mcp_tools(made)
    return {tool.name: tool for tool in found}, troubles


@pytest.fixture(scope="module")
def over_http() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, SERVER, "http", str(port)]) as server:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
        server.terminate()


def test_tools_of_a_server_over_stdio_run_and_need_consent(tmp_path: Path) -> None:
    tools, troubles = load(settings(tmp_path, {"desk": {"command": sys.executable, "args": [SERVER]}}))
    assert troubles == {}
    assert as_text(tools["desk_room_of"].invoke({"person": "Ann"})) == "Ann sits in room 12"
    assert acts(tools["desk_room_of"])


def test_tools_of_a_server_over_http_run_and_one_that_fails_says_so(tmp_path: Path, over_http: str) -> None:
    tools, troubles = load(settings(tmp_path, {"desk": {"url": over_http}}, without_consent="desk_room_of"))
    assert troubles == {}
    assert as_text(tools["desk_room_of"].invoke({"person": "Ann"})) == "Ann sits in room 12"
    assert not acts(tools["desk_room_of"])
    with pytest.raises(ToolException, match="there is no lamp"):
        tools["desk_broken"].invoke({"thing": "lamp"})


def test_a_server_that_is_down_is_named_and_the_others_serve(tmp_path: Path, over_http: str) -> None:
    down = {"gone": {"url": "http://127.0.0.1:9/mcp"}, "desk": {"url": over_http}}
    tools, troubles = load(settings(tmp_path, down))
    assert "desk_room_of" in tools
    assert list(troubles) == ["MCP server gone"]


@pytest.mark.parametrize("text", ["{", "[]", '{"mcpServers": {"a": {}}}'])
def test_a_file_that_lists_no_servers_is_refused_with_the_cure(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"mcp\.json") as caught:
        load(Settings(home=tmp_path, tools={"mcp_file": str(path)}))
    assert "mcpServers" in caught.value.cure


def double(number: int) -> int:
    """Double a number."""
    return 2 * number


def test_own_tools_come_by_entry_point_and_a_broken_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = EntryPoint("double", f"{__name__}:double", "crossroads.tools")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    broken = EntryPoint("broken", "no_such_module:tool", "crossroads.tools")
    monkeypatch.setattr("assistant.tools.installed.entry_points", lambda group: [good, broken])
    found, troubles = installed_tools(Settings(home=tmp_path))
    assert [tool.name for tool in found] == ["double"]
    assert acts(found[0])
    assert "no_such_module" in troubles["entry point broken"]
