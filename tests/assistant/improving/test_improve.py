"""`crossroads improve` on a model of two layers: every step, interrupted once; what gained nothing cannot go live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.cli.main import run as crossroads
from assistant.config import load_settings
from assistant.database import open_database
from assistant.feedback import Feedback
from assistant.grades.grading import Grading
from assistant.grades.log import add_answer
from assistant.grades.types import Grade
from assistant.improving.cycle import cycles
from graphs.answer import Answer, RouteDecision
from graphs.errors import TrainingError
from tests.assistant.tiny_models import tiny_folder
from training.registry import Registry

pytest.importorskip("trl", reason="no trl: install the extra `train`")
GRADES = 80


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("tiny"))


def _graded(home: Path) -> None:
    engine = open_database(load_settings({"home": home}))
    grading = Grading(engine, load_settings({"home": home}), Feedback(engine))
    route = RouteDecision(path="zero_shot", reason="r", confidence=1)
    with engine.begin() as connection:
        for number in range(GRADES):
            said = Answer(text=f"At some length, it is {number}.", route=route, answer_id=f"a{number}")
            add_answer(connection, f"Which house is number {number}?", said)
    scores = {"correct": 2, "supported": 2, "complete": 2}
    for number in range(GRADES):
        grading.record(Grade(answer_id=f"a{number}", grader="ann", scores=scores, better_answer=f"{number}."))
    engine.dispose()


def _suite(folder: Path) -> Path:
    rows = [{"id": str(number), "input": f"Say {number}", "target": str(number)} for number in range(20)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    text = "name: standing\ndataset: rows.jsonl\ntarget: {kind: model, max_tokens: 4}\nscorers: [f1]\nwatch: [f1]\n"
    (folder / "standing.yaml").write_text(text, encoding="utf-8")
    return folder / "standing.yaml"


@pytest.mark.filterwarnings("ignore")  # TRL's and transformers' own
def test_every_step_is_done_once_and_the_gate_decides(
    home: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _graded(home)
    keys = {"steps": 2, "batch": 4, "accumulation": 1, "rank": 2, "max_length": 512, "judge_rows": 4}
    flags = [part for key, value in keys.items() for part in ("--train", f"{key}={value}")]
    set_ = {"models.chat": f"hf:{tiny}", "improve.suites": str(_suite(tmp_path)), "answering.answer_tokens": 16}
    sets = ["--home", str(home), *(part for key, value in set_.items() for part in ("--set", f"{key}={value}"))]

    def fails(*_: Any, **__: Any) -> Any:
        raise TrainingError("It answers otherwise.", "See parity.json.")

    with monkeypatch.context() as patch:
        patch.setattr("training.export.export.export", fails)
        assert crossroads(["improve", *flags, *sets]) == 1
    assert cycles(home)[0].record()["failed"]["step"] == "export"
    trained = (cycles(home)[0].folder / "run" / "version.json").stat().st_mtime_ns
    capsys.readouterr()
    assert crossroads(["improve", "--resume", *sets, "--json"]) == 2
    record = json.loads(capsys.readouterr().out)
    assert (cycles(home)[0].folder / "run" / "version.json").stat().st_mtime_ns == trained
    assert [*record["steps"]] == ["data", "recipe", "train", "register", "export", "evaluate", "gate"]
    assert record["steps"]["data"]["stage"] == "dpo"
    assert record["steps"]["export"]["parity"]["passed"]
    assert record["steps"]["gate"]["verdict"] == "none"
    assert any("no gain is shown" in reason for reason in record["steps"]["gate"]["reasons"])
    version = Registry(home / "models").show("improved", "1")
    assert version.recipe["dataset"] == record["steps"]["data"]["dataset"]
    assert version.recipe["cycle"] == record["id"]
    assert crossroads(["models", "promote", "improved", "1", "--home", str(home)]) == 2
    assert crossroads(["models", "canary", "improved", "1", "--home", str(home)]) == 2
    assert crossroads(["improve", "--resume", *sets]) == 2
