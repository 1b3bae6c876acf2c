"""docs/guide/commands.md tells of every command and option there is, and of no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "commands.md"
HELP = "--help"


def commands() -> dict[str, set[str]]:
    """Every command by its full name, and its options."""
    from assistant.cli.main import app

    return dict(_walk(get_command(app), "crossroads"))


def _walk(command: object, name: str) -> Iterator[tuple[str, set[str]]]:
    inner = getattr(command, "commands", None)
    if inner:
        for key, value in inner.items():
            yield from _walk(value, f"{name} {key}")
        return
    parameters = getattr(command, "params", [])
    yield (
        name,
        {option for item in parameters for option in (*item.opts, *item.secondary_opts) if option.startswith("--")},
    )


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_is_told_of(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8") or f"`{name} " in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_option_of_a_command_is_told_of(name: str) -> None:
    common = set(re.findall(r"`(--[a-z-]+)", sections()["Options that every command has"])) | {HELP}
    told = "".join(text for heading, text in sections().items() if f"`{name}" in text or heading.startswith(name))
    assert {option for option in commands()[name] - common if option not in told} == set()


def test_no_option_is_told_of_that_is_not_there() -> None:
    there = set().union(*commands().values()) | {HELP}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE.read_text(encoding="utf-8"))) - there == set()


def test_no_command_is_told_of_that_is_not_there() -> None:
    told = re.findall(r"^crossroads ([a-z]+)", PAGE.read_text(encoding="utf-8"), flags=re.M)
    assert told
    assert set(told) <= {name.split()[1] for name in commands()}
