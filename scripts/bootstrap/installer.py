"""Getting uv, which installs the packages: the machine's own, or a private one by way of pip."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .console import Console
from .errors import SetupError
from .places import PRIVATE

OLDEST = (0, 8, 0)
"""The first uv with every option used here (`--torch-backend`, `venv --clear`)."""
UV_BYTES = 25_000_000
"""About what a uv wheel weighs."""

CURE = (
    "Install pip for this Python (on Debian and Ubuntu: apt-get install python3-venv python3-pip), "
    "or put uv on the path, and run the same command again."
)


def find_uv() -> list[str] | None:
    """The command line of a uv that is new enough: on the path, in this Python, or the private one."""
    private = PRIVATE / "uv" / "bin" / "uv"
    named = shutil.which("uv")
    for command in ([named] if named else None, [sys.executable, "-m", "uv"], [str(private)]):
        if command and (version_of(command) or (0,)) >= OLDEST:
            return command
    return None


def version_of(command: Sequence[str]) -> tuple[int, ...] | None:
    """The version a uv command reports, or None where it does not run."""
    try:
        told = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"uv (\d+)\.(\d+)\.(\d+)", told.stdout)
    return tuple(int(part) for part in found.groups()) if found and told.returncode == 0 else None


def get_uv(console: Console) -> list[str]:
    """A uv command line, fetched with pip where there is none. Raises `SetupError`."""
    found = find_uv()
    if found:
        return found
    console.line("  uv         not here; fetched first with pip (about 25 MB), because it tells what else is needed")
    folder = PRIVATE / "uv"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    tail = ""
    for pip in _pips(folder.with_name("pip")):
        tail = _run([*pip, "install", "--quiet", "--disable-pip-version-check", "--target", str(folder), "uv"])
        if not tail and version_of([str(folder / "bin" / "uv")]):
            return [str(folder / "bin" / "uv")]
    raise SetupError(f"uv could not be installed with pip. {tail}".strip(), CURE)


def _pips(scratch: Path) -> list[list[str]]:
    """pip of this Python; else one in a scratch environment, where Python can make such a one."""
    if not _run([sys.executable, "-m", "pip", "--version"]):
        return [[sys.executable, "-m", "pip"]]
    if _run([sys.executable, "-m", "venv", "--clear", str(scratch)]):  # Debian without python3-venv has no ensurepip
        raise SetupError(f"{sys.executable} has neither pip nor ensurepip.", CURE)
    return [[str(scratch / "bin" / "python"), "-m", "pip"]]


def _run(command: list[str]) -> str:
    """Run a command; the last line of what it said where it failed, else nothing."""
    environment = {key: value for key, value in os.environ.items() if key != "PIP_REQUIRE_VIRTUALENV"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return ""
    said = (done.stderr or done.stdout).strip().splitlines()
    return said[-1] if said else f"{command[0]} ended with {done.returncode}"
