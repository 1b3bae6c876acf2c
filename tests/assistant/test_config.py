"""Settings: which source wins, and what is said about a key that is unknown or a value that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assistant.config import Settings, load_settings
from graphs.errors import SettingsError


def write_toml(text: str) -> None:
    Path("crossroads.toml").write_text(text, encoding="utf-8")


def write_dotenv(text: str) -> None:
    Path(".env").write_text(text, encoding="utf-8")


def test_defaults_need_nothing() -> None:
    assert load_settings() == Settings(home=load_settings().home, cache=load_settings().cache)


def test_the_file_is_read() -> None:
    write_toml("[serve]\nport = 1111\n")
    assert load_settings().serve.port == 1111


def test_dotenv_wins_over_the_file() -> None:
    write_toml("[serve]\nport = 1111\n")
    write_dotenv("CROSSROADS_SERVE__PORT=2222\n")
    assert load_settings().serve.port == 2222


def test_variables_win_over_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    write_dotenv("CROSSROADS_SERVE__PORT=2222\n")
    monkeypatch.setenv("CROSSROADS_SERVE__PORT", "3333")
    assert load_settings().serve.port == 3333


def test_flags_win_over_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSROADS_SERVE__PORT", "3333")
    assert load_settings({"serve.port": 4444}).serve.port == 4444


def test_a_flag_that_was_not_given_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSROADS_SERVE__PORT", "3333")
    assert load_settings({"serve.port": None}).serve.port == 3333


def test_sources_add_up_within_a_section() -> None:
    write_toml('[serve]\nhost = "127.0.0.2"\n')
    assert load_settings({"serve.port": 4444}).serve.model_dump() == {
        "host": "127.0.0.2",
        "port": 4444,
        "api_key": "",
    }


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    write_toml("[serve]\nport = 1111\n")
    monkeypatch.setenv("CROSSROADS_SERVE__PORT", "")
    assert load_settings().serve.port == 1111


def test_an_empty_string_in_the_file_counts() -> None:
    write_toml('[models]\nembedding = ""\n')
    assert load_settings().models.embedding == ""


def test_config_names_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toml("[serve]\nport = 1111\n")
    other = tmp_path / "other.toml"
    other.write_text("[serve]\nport = 5555\n", encoding="utf-8")
    monkeypatch.setenv("CROSSROADS_CONFIG", str(other))
    assert load_settings().serve.port == 5555


def test_dotenv_may_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[serve]\nport = 5555\n", encoding="utf-8")
    monkeypatch.setenv("CROSSROADS_CONFIG", "")  # so that the variable is put back after the test
    monkeypatch.delenv("CROSSROADS_CONFIG")
    write_dotenv(f"CROSSROADS_CONFIG={other}\n")
    assert load_settings().serve.port == 5555


def test_config_that_is_no_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSROADS_CONFIG", "nowhere.toml")
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load_settings()


def test_provider_keys_of_dotenv_reach_their_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.delenv("OPENAI_API_KEY")
    write_dotenv("OPENAI_API_KEY=sk-from-dotenv\n")
    load_settings()
    assert os.environ["OPENAI_API_KEY"] == "sk-from-dotenv"


def test_a_byte_order_mark_is_no_error() -> None:
    Path("crossroads.toml").write_bytes(b"\xef\xbb\xbf[serve]\nport = 1111\n")
    assert load_settings().serve.port == 1111


def test_a_file_that_is_no_toml_is_named() -> None:
    write_toml("[serve\n")
    with pytest.raises(SettingsError, match=r"crossroads\.toml cannot be read"):
        load_settings()


def test_a_home_with_a_tilde_is_the_users() -> None:
    assert load_settings({"home": "~/somewhere"}).home == Path.home() / "somewhere"


def test_a_relative_home_is_made_whole() -> None:
    assert load_settings({"home": "here"}).home == Path.cwd() / "here"


def test_an_unknown_key_of_the_file_is_named_with_its_source() -> None:
    write_toml("[serve]\nprot = 1\n")
    with pytest.raises(SettingsError, match=r"'serve\.prot' in crossroads\.toml") as caught:
        load_settings()
    assert "Did you mean 'serve.port'?" in caught.value.cure


def test_an_unknown_section_is_named() -> None:
    write_toml("[server]\nport = 1\n")
    with pytest.raises(SettingsError, match=r"'server' in crossroads\.toml"):
        load_settings()


def test_an_unknown_variable_is_named_as_it_is_spelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSROADS_STORE__KND", "chroma")
    with pytest.raises(SettingsError, match="'CROSSROADS_STORE__KND' in the environment"):
        load_settings()


def test_an_unknown_line_of_dotenv_is_named() -> None:
    write_dotenv("CROSSROADS_HOEM=/somewhere\n")
    with pytest.raises(SettingsError, match=r"'CROSSROADS_HOEM' in \.env"):
        load_settings()


def test_an_unknown_flag_is_named() -> None:
    with pytest.raises(SettingsError, match=r"'serve\.colour' in the flags"):
        load_settings({"serve.colour": "red"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("serve.port", "seven"),
        ("serve.port", 70000),
        ("store.kind", "postgres"),
        ("knowledge.collection", "has spaces"),
        ("knowledge.chunk_tokens", 5),
        ("answering.refuse", 1.5),
        ("models.retries", -1),
        ("serve", "everywhere"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(key: str, value: object) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({key: value})
    assert repr(key) in caught.value.message
    assert repr(value) in caught.value.message
    assert "crossroads.toml" in caught.value.cure


def test_the_strongest_source_is_the_one_named() -> None:
    write_toml("[serve]\nport = 1111\n")
    write_dotenv("CROSSROADS_SERVE__PORT=seven\n")
    with pytest.raises(SettingsError, match=r"'CROSSROADS_SERVE__PORT' in \.env cannot be 'seven'"):
        load_settings()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().serve.port = 1  # type: ignore[misc]
