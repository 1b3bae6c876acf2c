"""No measurement rots: what scripts in `bench/` and `scripts/` take from the packages is there. Nothing is imported."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("assistant", "eval", "graphs", "training")
SCRIPTS = sorted([*ROOT.glob("bench/*.py"), *ROOT.glob("scripts/*.py")])


@cache
def names_of(module: str) -> frozenset[str]:
    """What a module's source defines or imports at its top, and the modules in it."""
    place = ROOT.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    found = {path.stem for path in place.iterdir()} if place.is_dir() else set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if file.is_file() else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return frozenset(found)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_a_script_takes_from_the_packages_is_there(script: Path) -> None:
    gone = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OURS
        for alias in node.names
        if alias.name not in names_of(node.module)
    ]
    assert gone == []


RUN = [path for path in sorted(ROOT.glob("bench/*.py")) if '"__main__"' in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("script", RUN, ids=lambda path: path.name)
def test_a_script_finds_the_package_training_and_not_the_script_of_that_name(script: Path) -> None:
    """Python puts the folder of a script first, and `bench/training.py` lies in it: `assistant` imports `training`."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    ours = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OURS
    ]
    first = script.read_text(encoding="utf-8").partition("sys.path.insert(0, ")[0].count("\n") + 1
    assert not ours or min(ours) > first
