"""`crossroads check`: texts against files, collections and given evidence."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assistant.app import Assistant
from assistant.cli.main import run
from assistant.evidence.checker import FeatureChecker
from assistant.operations import run_here

EVIDENCE = "The tower was built in 1889. It is 330 metres tall and has three floors."


@pytest.fixture(autouse=True)
def here(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command finds this assistant, with the real checker, instead of opening one."""

    @contextmanager
    def session(home: Any, overrides: Any, *, tell: bool = True) -> Any:
        yield lambda operation, arguments, on_event: run_here(assistant, operation, arguments, on_event)

    monkeypatch.setattr("assistant.cli.check.session", session)
    monkeypatch.setattr(assistant.resources.checker, "get", FeatureChecker)


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = run(["check", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_supported_text_is_found_supported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tower.txt").write_text(EVIDENCE, encoding="utf-8")
    code, found = checked(capsys, "The tower was built in 1889.", "--against", str(tmp_path / "tower.txt"))
    assert (code, found["label"]) == (0, "supported")


def test_a_wrong_number_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tower.txt").write_text(EVIDENCE, encoding="utf-8")
    said = "The tower was built in 1889. It is 210 metres tall."
    code, found = checked(capsys, said, "--against", str(tmp_path))
    assert (code, found["label"]) == (1, "partly")
    assert [sentence["supported"] for sentence in found["sentences"]] == [True, False]


def test_a_text_may_be_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tower.txt").write_text(EVIDENCE, encoding="utf-8")
    (tmp_path / "said.md").write_text("It has three floors.", encoding="utf-8")
    code, _ = checked(capsys, str(tmp_path / "said.md"), "--against", str(tmp_path / "tower.txt"))
    assert code == 0


def test_a_batch_is_checked_and_continues(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"id": "a", "output": "It is 330 metres tall.", "contexts": [EVIDENCE]},
        {"id": "b", "output": "It is made of cheese.", "contexts": [EVIDENCE]},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = tmp_path / "out.jsonl"
    given = ("--batch", str(tmp_path / "in.jsonl"), "--out", str(out))
    assert checked(capsys, *given)[1]["checked"] == 2
    assert checked(capsys, *given)[1]["skipped"] == 2
    labels = {row["id"]: row["label"] for row in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    assert labels == {"a": "supported", "b": "unsupported"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"output": "x", "contexts": []}, "no `id`"),
        ({"id": "a", "contexts": []}, "`output` is no text"),
        ({"id": "a", "output": "x", "contexts": "y"}, "`contexts` is no list"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(
    row: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps(row), encoding="utf-8")
    code, found = checked(capsys, "--batch", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl"))
    assert code == 2
    assert "line 1" in found["error"]["message"]
    assert said in found["error"]["message"]


def test_evidence_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = checked(capsys, "A text.", "--against", "nowhere.pdf")
    assert (code, found["error"]["type"]) == (2, "usage")


def test_an_empty_text_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(capsys, "")[0] == 2
