"""`crossroads.toml` and `.env.example` name every setting with its default, and nothing that is gone."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from assistant.config import PREFIX, Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent


def fields() -> dict[str, Any]:
    """Every dotted key and its default; undefined where it depends on the machine."""
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= {f"{name}.{key}": inner.default for key, inner in kind.model_fields.items()}
        else:
            found[name] = field.default
    return found


def toml_as_shipped() -> str:
    return (ROOT / "crossroads.toml").read_text(encoding="utf-8")


def toml_uncommented() -> dict[str, Any]:
    """The file with its commented keys taken in, dotted."""
    text = re.sub(r"^# ([a-z_]+ = )", r"\1", toml_as_shipped(), flags=re.M)
    flat: dict[str, Any] = {}
    for name, value in tomllib.loads(text).items():
        flat |= {f"{name}.{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def variables() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(rf"^# ({PREFIX}[A-Z_]+)=(.*)$", text, flags=re.M))


def as_variable(key: str) -> str:
    return PREFIX + key.replace(".", "__").upper()


def test_the_file_names_every_setting_and_no_other() -> None:
    assert sorted(toml_uncommented()) == sorted(fields())


def test_the_file_shows_the_defaults() -> None:
    shown, defaults = toml_uncommented(), fields()
    fixed = {key: value for key, value in defaults.items() if value is not PydanticUndefined}
    assert {key: shown[key] for key in fixed} == fixed


def test_the_file_as_shipped_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    monkeypatch.setenv("CROSSROADS_CONFIG", str(ROOT / "crossroads.toml"))
    assert load_settings() == before


def test_every_key_of_the_file_is_explained() -> None:
    blocks = re.split(r"\n\s*\n|\n\[[a-z]+\]\n", toml_as_shipped())
    keys = [block for block in blocks if re.search(r"^# [a-z_]+ = ", block, flags=re.M)]
    assert len(keys) == len(fields())
    assert [block for block in keys if len(block.splitlines()) < 2] == []


def test_the_variables_name_every_setting_and_no_other() -> None:
    expected = {as_variable(key) for key in fields()} | {f"{PREFIX}CONFIG", f"{PREFIX}DATA"}
    assert set(variables()) == expected


def test_the_variables_show_the_defaults() -> None:
    shown = variables()
    for key, default in fields().items():
        if default is not PydanticUndefined:
            text = str(default).lower() if isinstance(default, bool) else str(default)
            assert (key, shown[as_variable(key)]) == (key, text)


def test_set_up_finds_the_same_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from scripts.bootstrap.places import cache_folder

    for value in ("", "~/cache-of-mine", str(tmp_path / "cache")):
        monkeypatch.setenv("CROSSROADS_CACHE", value)
        assert cache_folder(Path.cwd()) == load_settings().cache


def test_set_up_finds_the_cache_of_both_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from scripts.bootstrap.places import cache_folder

    monkeypatch.delenv("CROSSROADS_CACHE", raising=False)
    Path("crossroads.toml").write_text(f'cache = "{tmp_path}/of-the-file"\n', encoding="utf-8")
    assert cache_folder(Path.cwd()) == load_settings().cache == tmp_path / "of-the-file"
    Path(".env").write_text(f"CROSSROADS_CACHE={tmp_path}/of-dotenv\n", encoding="utf-8")
    assert cache_folder(Path.cwd()) == load_settings().cache == tmp_path / "of-dotenv"
