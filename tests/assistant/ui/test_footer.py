"""The footer says that nothing leaves the machine only when that is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.knowledge.types import StoreStats
from assistant.ui.footer import footer, is_loopback

HERE = StoreStats("weaviate", "1.38.11", "http://127.0.0.1:8080", 812, 9000, {"a": 1, "b": 2, "c": 3})
STAYS = "nothing leaves this machine"


def settings(tmp_path: Path, **parts: dict[str, str]) -> Settings:
    return Settings(home=tmp_path, **parts)


def test_the_default_names_model_store_and_numbers(tmp_path: Path) -> None:
    line = footer(settings(tmp_path), "local:smollm2-135m-instruct", HERE)
    assert line == f"SmolLM2-135M on this computer · Weaviate 1.38, 3 collections, 812 documents · {STAYS}"


@pytest.mark.parametrize(
    ("models", "model", "place"),
    [
        ({}, "openai:gpt-5", "OpenAI"),
        ({}, "anthropic:claude", "Anthropic"),
        ({"fallback": "openai:gpt-5"}, "local:x", "OpenAI"),
        ({"embedding": "openai:text-embedding-3-small"}, "local:x", "OpenAI"),
        ({"judge": "anthropic:claude"}, "local:x", "Anthropic"),
        ({"base_url": "http://10.0.0.5:8000/v1"}, "openai:llama", "10.0.0.5"),
    ],
)
def test_a_model_elsewhere_is_named(tmp_path: Path, models: dict[str, str], model: str, place: str) -> None:
    line = footer(settings(tmp_path, models=models), model, HERE)
    assert STAYS not in line
    assert place in line


@pytest.mark.parametrize(
    ("models", "model"),
    [({"base_url": "http://127.0.0.1:8000/v1"}, "openai:llama"), ({}, "ollama:llama3"), ({}, "fake:reader")],
)
def test_a_server_on_this_machine_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: dict[str, str], model: str
) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    assert STAYS in footer(settings(tmp_path, models=models), model, HERE)


def test_ollama_elsewhere_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu-box:11434")
    assert "gpu-box" in footer(settings(tmp_path), "ollama:llama3", HERE)


def test_a_store_elsewhere_is_named(tmp_path: Path) -> None:
    line = footer(settings(tmp_path, store={"url": "https://cluster.example:443"}), "local:x", HERE)
    assert "cluster.example" in line
    assert STAYS not in line


def test_a_store_out_of_reach_is_said(tmp_path: Path) -> None:
    assert "documents out of reach" in footer(settings(tmp_path), "local:x", None)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "localhost:8080", "http://[::1]:80", "127.8.8.8"])
def test_loopback_addresses_are_here(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["http://10.1.1.1", "https://localhost.evil.example", "0.0.0.0:80", ""])
def test_other_addresses_are_elsewhere(address: str) -> None:
    assert not is_loopback(address)
