"""A built package holds everything a clone does: prompts, page, weights, recipes and the documentation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("assistant", "eval", "graphs", "training")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree a wheel would be made of."""
    folder = tmp_path_factory.mktemp("build")
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(folder)]
    command += ["build", "--build-base", str(folder / "base"), "--build-lib", str(folder / "lib")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "lib"


def test_every_file_of_the_packages_is_built(built: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git clone")
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert names
    assert [name for name in names if not (built / name).is_file()] == []


def test_the_documentation_is_built_in_from_its_one_copy(built: Path) -> None:
    shipped = {
        path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*") if path.suffix in {".md", ".jsonl"}
    }
    inside = built / "assistant" / "_documentation"
    assert shipped == {path.relative_to(inside) for path in inside.rglob("*") if path.is_file()}


def test_nothing_but_the_packages_is_built(built: Path) -> None:
    assert {path.name for path in built.iterdir()} == set(PACKAGES)
