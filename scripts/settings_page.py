"""Writes docs/guide/settings.md from crossroads.toml, which explains every key. A test fails when the page is stale."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "guide" / "settings.md"

HEAD = """# Settings

## Where settings stand

Settings of Crossroads stand in the file `crossroads.toml`, in the file `.env`, in environment variables, or in flags of a \
command. A flag wins over a variable, a variable over `.env`, and `.env` over `crossroads.toml`. Both files are read from the \
folder in which the command is started; the variable `CROSSROADS_CONFIG` names another file instead of `crossroads.toml`.

## How a setting is written

The setting `serve.port` is written `port = 8000` below `[serve]` in `crossroads.toml`, and `CROSSROADS_SERVE__PORT=8000` in \
`.env` and among the variables, with two underscores between section and key. An empty variable counts as not set.

## What happens when a setting is wrong

A setting that does not exist is refused by its name, together with the place it stands in and the nearest name that does \
exist. A value that cannot be used is refused in the same way. Nothing is started with a wrong setting.
"""


def page(toml: str) -> str:
    """The page for the text of a settings file."""
    section, out = "", [HEAD]
    for block in re.split(r"\n\s*\n", toml):
        heading = re.search(r"^\[(\w+)\]$", block, flags=re.M)
        if heading:
            section = heading[1]
            title = re.sub(r"^# ", "", block.split(heading[0])[1].strip(), flags=re.M).replace("\n", " ")
            out.append(
                f"## Section `[{section}]`\n\n{title}\n".replace("\n\n\n", "\n\n") if title else f"## `[{section}]`\n"
            )
            continue
        found = re.search(r"^# (\w+) = (.+)$", block, flags=re.M)
        if found:
            out.append(_entry(section, found[1], found[2], block[: found.start()]))
    return "\n".join(out)


def _entry(section: str, key: str, default: str, comment: str) -> str:
    name = f"{section}.{key}" if section else key
    words = " ".join(line.removeprefix("#").strip() for line in comment.strip().splitlines())
    variable = "CROSSROADS_" + name.replace(".", "__").upper()
    told = f" Default: `{default}`." if section else f" Example: `{default}`."
    return f"### `{name}`\n\nThe setting `{name}`: {words}{told} As a variable: `{variable}`.\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page((ROOT / "crossroads.toml").read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
