from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import main
from assistant.config import Settings, load_settings
from assistant.doctor import examine


def fake_settings(home: Path, cache: Path, **models: str) -> Settings:
    return Settings(home=home, cache=cache, models={"chat": "fake:echo", "embedding": "fake:words", **models})


def check(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(check for check in report["checks"] if check["name"] == name)


def test_the_report_has_what_is_promised(home: Path, tmp_path: Path) -> None:
    report = examine(fake_settings(home, tmp_path / "cache"))
    assert {"ok", "checks", "store", "models", "device"} <= set(report)
    assert {"kind", "version", "url", "documents", "chunks"} == set(report["store"])
    assert all({"name", "ok", "detail", "cure"} <= set(check) for check in report["checks"])
    assert report["models"]["chat"] == "fake:echo"


def test_looking_changes_nothing(home: Path, tmp_path: Path) -> None:
    examine(fake_settings(home, tmp_path / "cache"))
    assert not home.exists()
    assert not (tmp_path / "cache").exists()


def test_a_missing_model_is_named_with_its_cost_and_cure(home: Path, tmp_path: Path) -> None:
    report = examine(fake_settings(home, tmp_path / "cache", chat="local:smollm2-135m-instruct"))
    missing = check(report, "chat model")
    assert not missing["ok"]
    assert missing["costs"]
    assert missing["cure"] == "crossroads models pull smollm2-135m-instruct"
    assert not report["ok"]


def test_a_key_is_said_to_be_there_and_never_shown(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    report = examine(fake_settings(home, tmp_path / "cache"))
    assert check(report, "openai key")["ok"]
    assert "secret" not in json.dumps(report)


def test_a_key_that_is_needed_and_missing_fails(home: Path, tmp_path: Path) -> None:
    report = examine(fake_settings(home, tmp_path / "cache", fallback="anthropic:claude"))
    assert not check(report, "anthropic key")["ok"]


def test_an_unusable_home_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    report = examine(fake_settings(tmp_path / "file", tmp_path / "cache"))
    assert not check(report, "home")["ok"]


def test_the_command_prints_one_object(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main.run(["doctor", "--json", "--set", "models.chat=fake:echo", "--set", "models.embedding=fake:words"])
    report = json.loads(capsys.readouterr().out)
    assert code == (0 if report["ok"] else 1)
    assert load_settings().home == home
