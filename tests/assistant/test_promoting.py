"""`crossroads models promote`: by the gate's verdict, or with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.cli.main import run
from training.registry import ModelVersion, Registry


@pytest.fixture
def registry(home: Path, tmp_path: Path) -> Registry:
    source = tmp_path / "source"
    source.mkdir()
    (source / "weights").write_text("x")
    found = Registry(home / "models")
    found.add(source, ModelVersion(name="house", version="", kind="chat"))
    return found


def test_the_verdict_of_the_gate_decides(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = tmp_path / "verdict.json"
    verdict.write_text(json.dumps({"verdict": "fail", "reasons": ["F1 fell"], "run": "r1"}))
    assert run(["models", "promote", "house", "1", "--gate", str(verdict), "--json"]) == 2
    assert "F1 fell" in json.loads(capsys.readouterr().out)["error"]["message"]
    verdict.write_text(json.dumps({"verdict": "pass", "reasons": [], "run": "r2"}))
    assert run(["models", "promote", "house", "1", "--gate", str(verdict), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["state"], printed["gate"]["run"], printed["history"][0]["override"]) == ("live", "r2", "")


@pytest.mark.parametrize("text", ["{", "[]", '{"verdict": "perhaps"}', "{}"])
def test_a_file_without_a_verdict_is_refused(text: str, registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(text)
    assert run(["models", "promote", "house", "1", "--gate", str(path)]) == 2
    assert registry.show("house", "1").gate is None
