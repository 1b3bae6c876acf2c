"""Suites are checked before anything runs: what is wrong is named with its line and the cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.suite import find_suite, load_suite
from graphs.errors import UsageError

GOOD = """\
name: mine
dataset: questions.csv
target: assistant
scorers:
  - exact_match
  - f1
thresholds:
  f1: 0.5
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_suite_of_eight_lines_is_read(tmp_path: Path) -> None:
    suite = load_suite(written(tmp_path, GOOD))
    assert suite.dataset.path == "questions.csv"
    assert suite.target.kind == "assistant"
    assert suite.thresholds["f1"].min == 0.5
    assert [metric.name for metric in suite.metrics()] == ["exact_match", "f1", "token_recall"]


WRONG = {
    "unknown scorer": ("  - f1", "  - f2", "line 6", "no scorer 'f2'"),
    "unknown option": ("  - f1", "  - f1: {beta: 2}", "line 6", "no option 'beta'"),
    "unknown key": ("target: assistant", "tarjet: assistant", "line 3", "unknown key 'tarjet'; did you mean 'target'"),
    "unknown kind": ("target: assistant", "target: {kind: oracle}", "line 3", "target.kind"),
    "unknown metric": ("  f1: 0.5", "  bleu: 0.5", "line 8", "no scorer of this suite gives 'bleu'"),
    "no dataset": ("dataset: questions.csv\n", "", "line 1", "'dataset' is missing"),
    "no YAML": ("scorers:", "scorers: [", "line", "expected"),
    "no mapping": (GOOD, "just words", "", "is no suite"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_its_line(case: str, tmp_path: Path) -> None:
    old, new, line, said = WRONG[case]
    with pytest.raises(UsageError) as raised:
        load_suite(written(tmp_path, GOOD.replace(old, new)))
    assert line in raised.value.message
    assert said in raised.value.message
    assert raised.value.cure


def test_an_unknown_suite_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="There is no suite 'smok'"):
        find_suite("smok")
