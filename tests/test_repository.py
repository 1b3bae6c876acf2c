"""What the repository promises: a lock without addresses that covers every dependency, and nothing of one machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    """Package → locked version, for the platform the tests run on."""
    requirements = [Requirement(line) for line in LOCK.splitlines() if line.strip()]
    here = [item for item in requirements if item.marker is None or item.marker.evaluate()]
    return {canonicalize_name(item.name): next(iter(item.specifier)).version for item in here}


def test_the_lock_has_no_addresses() -> None:
    assert re.findall(r"\S*(?://|@ |--index|--find-links)\S*", LOCK) == []


def test_the_lock_has_exact_versions() -> None:
    assert [
        line for line in LOCK.splitlines() if not re.match(r"^[a-z0-9._-]+(\[[a-z,-]+\])?==[^ ]+( ;.*)?$", line)
    ] == []


def test_the_lock_covers_every_dependency(project: dict[str, Any], locked: dict[str, str]) -> None:
    wanted = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    wrong = []
    for requirement in map(Requirement, wanted):
        version = locked.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement} (locked: {version})")
    assert wrong == []


def test_set_up_asks_for_extras_that_exist(project: dict[str, Any]) -> None:
    from scripts.bootstrap.packages import PROFILES

    assert {extra for extras in PROFILES.values() for extra in extras} <= set(project["optional-dependencies"])


def test_what_set_up_installs_first_is_locked(locked: dict[str, str]) -> None:
    from scripts.bootstrap.packages import EARLY

    assert set(EARLY) <= set(locked)


def tracked() -> list[Path]:
    """Files git knows; an unpacked archive has none to check."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no git clone")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_place_of_one_machine() -> None:
    pattern = re.compile(rb"(?<![\w.])/(?:work|root)/(?=\w)")
    allowed = {Path(__file__).resolve()}
    found = [path for path in tracked() if path not in allowed and pattern.search(path.read_bytes())]
    assert found == []


def test_no_file_is_huge() -> None:
    assert [path for path in tracked() if path.stat().st_size > 50_000_000] == []


def test_nothing_is_pickled() -> None:
    assert [path for path in tracked() if path.suffix in {".pkl", ".pickle", ".pt", ".pth", ".joblib"}] == []


def test_the_licence_is_the_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_no_test_folder_is_a_package() -> None:
    assert sorted((ROOT / "tests").rglob("__init__.py")) == []


def test_the_changelog_names_this_version(project: dict[str, Any]) -> None:
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
