"""The floor plan, read from the imports: graphs ← eval ← training ← assistant, and nothing that unpickles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("graphs", "eval", "training", "assistant")
UNPICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of every absolute import, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module
        elif isinstance(node, ast.Call) and _called(node) in {"importlib.import_module", "import_module", "__import__"}:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def violations(root: Path) -> list[str]:
    """Every import that breaks a rule, as `file:line what`."""
    found = []
    for height, floor in enumerate(FLOORS):
        for path in sorted((root / floor).rglob("*.py")):
            where = path.relative_to(root).as_posix()
            tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
            found += [f"{where}:{line} {what}" for line, what in _in_file(tree, height)]
    return found


def _in_file(tree: ast.AST, height: int) -> Iterator[tuple[int, str]]:
    for line, name in imported(tree):
        top = name.split(".")[0]
        if top in FLOORS[height + 1 :]:
            yield line, f"{FLOORS[height]} imports {name}, which is to its right"
        if top in UNPICKLES:
            yield line, f"imports {name}, which can run what it reads"
        if top in {"tests", "scripts", "bench"}:
            yield line, f"imports {name}, which is not shipped"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name == "eval" and not alias.asname for alias in node.names):
            yield node.lineno, "`import eval` hides the builtin; write `from eval.x import …`"
        if isinstance(node, ast.Call) and _called(node) in {"torch.load", "joblib.load", "numpy.load", "np.load"}:
            allowed = any(word.arg == "allow_pickle" for word in node.keywords)
            if _called(node).endswith("torch.load") or allowed:
                yield node.lineno, f"calls {_called(node)}, which unpickles"
        if isinstance(node, ast.Call) and _called(node) in {"eval", "exec", "builtins.eval", "builtins.exec"}:
            yield node.lineno, f"calls {_called(node)}"


def test_no_arrow_points_right() -> None:
    assert violations(ROOT) == []


def test_every_floor_has_code_to_read() -> None:
    assert [floor for floor in FLOORS if not any((ROOT / floor).rglob("*.py"))] == []


PLANTED = {
    "graphs/a.py": ("from assistant.config import Settings", "graphs imports assistant.config"),
    "graphs/b.py": ("def f():\n    import eval.sample", "graphs imports eval.sample"),
    "graphs/c.py": ("import training.registry as registry", "graphs imports training.registry"),
    "eval/a.py": ("from training.data import split", "eval imports training.data"),
    "training/a.py": ("import importlib\nimportlib.import_module('assistant.app')", "training imports assistant.app"),
    "assistant/a.py": ("import eval", "hides the builtin"),
    "assistant/b.py": ("import pickle", "can run what it reads"),
    "assistant/c.py": ("import torch\ntorch.load('x.pt')", "unpickles"),
    "assistant/d.py": ("import numpy as np\nnp.load('x.npy', allow_pickle=True)", "unpickles"),
    "assistant/e.py": ("from tests.conftest import ROOT", "is not shipped"),
    "assistant/f.py": ("eval('1 + 1')", "calls eval"),
}


@pytest.mark.parametrize("where", PLANTED)
def test_a_planted_violation_is_found(where: str, tmp_path: Path) -> None:
    source, said = PLANTED[where]
    path = tmp_path / where
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")
    found = violations(tmp_path)
    assert len(found) == 1
    assert found[0].startswith(where)
    assert said in found[0]


def test_leftward_imports_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "assistant" / "fine.py"
    path.parent.mkdir()
    path.write_text("from eval.sample import Sample\nfrom graphs.answer import Answer\n", encoding="utf-8")
    assert violations(tmp_path) == []
