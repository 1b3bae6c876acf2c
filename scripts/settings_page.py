"""Writes docs/guide/settings.md from crossroads.toml, which explains every key. A test fails when the page is stale."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "guide" / "settings.md"

MARK = "## The two folders\n"
"""What stands before it in the page is written by hand."""


def page(by_hand: str, toml: str) -> str:
    """The page: what stands in it before `MARK`, then every key of a settings file."""
    section, out = "", [by_hand.partition(MARK)[0] + MARK]
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
    toml = (ROOT / "crossroads.toml").read_text(encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), toml), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
