"""The cycle on disk: steps in order, once each, going on after a kill; what the grades allow; what the gate says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.config import Settings
from assistant.database import open_database
from assistant.feedback import Feedback
from assistant.grades.grading import Grading
from assistant.grades.log import add_answer
from assistant.grades.types import Grade
from assistant.improving.choosing import choose_data, is_held_out
from assistant.improving.cycle import Cycle, begin, begin_anew, cycles, resume, unfinished
from assistant.improving.judging import HELD_OUT, held_out_suite, verdict_of
from eval.dataset import Places, load_dataset
from eval.gate import Check, Verdict
from eval.suite import DatasetSpec
from graphs.answer import Answer, RouteDecision
from graphs.errors import BusyError, NotFoundError, UsageError

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = {"stage": "auto", "train": [], "without": []}
FULL = {"correct": 5, "supported": 5, "complete": 5}
POOR = {"correct": 1, "supported": 1, "complete": 1}


@pytest.fixture
def grading(tmp_path: Path) -> Iterator[Grading]:
    settings = Settings(home=tmp_path / "home", cache=tmp_path)
    engine = open_database(settings)
    yield Grading(engine, settings, Feedback(engine))
    engine.dispose()


def test_a_killed_cycle_goes_on_with_the_step_it_was_at(tmp_path: Path) -> None:
    done: list[str] = []

    def step(name: str, dies: bool = False) -> Any:
        def work(cycle: Cycle) -> dict[str, Any]:
            done.append(name)
            if dies:
                cycle.note(name, number="7")
                raise KeyboardInterrupt
            return {"number": cycle.noted("two").get("number", "")}

        return work

    with pytest.raises(KeyboardInterrupt):
        begin(tmp_path, OPTIONS).run({"one": step("one"), "two": step("two", dies=True), "gate": step("gate")})
    with pytest.raises(UsageError, match="not finished"):
        begin(tmp_path, OPTIONS)
    record = resume(tmp_path).run({"one": step("one"), "two": step("two"), "gate": step("gate")})
    assert done == ["one", "two", "two", "gate"]
    assert record["steps"]["two"]["number"] == "7"
    assert unfinished(tmp_path) == ""
    with pytest.raises(NotFoundError):
        resume(tmp_path)


def test_a_step_that_was_killed_outright_is_done_again(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from assistant.improving.cycle import begin\n"
        "cycle = begin(Path(sys.argv[1]), {})\n"
        "cycle.run({'one': lambda _: {'n': 1}, 'two': lambda _: os.kill(os.getpid(), 9), 'gate': lambda _: {}})"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    record = resume(tmp_path).run({"one": lambda _: {"n": 2}, "two": lambda _: {"n": 2}, "gate": lambda _: {}})
    assert [record["steps"][name].get("n") for name in ("one", "two")] == [1, 2]


def test_two_processes_do_not_work_on_one_cycle(tmp_path: Path) -> None:
    cycle = begin(tmp_path, OPTIONS)

    def again(_: Cycle) -> dict[str, Any]:
        with pytest.raises(BusyError):
            Cycle(cycle.folder).run({"other": lambda _: {}})
        return {}

    cycle.run({"one": again})


def test_a_step_that_fails_is_told_of_and_another_cycle_may_begin(tmp_path: Path) -> None:
    def fails(_: Cycle) -> dict[str, Any]:
        raise UsageError("Too little.", "Grade more.")

    with pytest.raises(UsageError):
        begin(tmp_path, OPTIONS).run({"data": fails})
    assert cycles(tmp_path)[0].record()["failed"]["step"] == "data"
    assert begin_anew(tmp_path, OPTIONS).name == cycles(tmp_path)[0].name


def _grade(grading: Grading, count: int, better: str = "", scores: dict[str, int] = FULL) -> None:
    with grading.log._engine.begin() as connection:
        for number in range(count):
            route = RouteDecision(path="zero_shot", reason="r", confidence=1)
            said = Answer(
                text=f"It is {number} {scores['correct']}.", route=route, answer_id=f"{scores['correct']}-{number}"
            )
            add_answer(connection, f"What is the number of house {number}?", said)
    for number in range(count):
        grade = Grade(answer_id=f"{scores['correct']}-{number}", grader="ann", scores=scores, better_answer=better)
        grading.record(grade)


def _chosen(grading: Grading, tmp_path: Path, stage: str = "auto") -> dict[str, Any]:
    return choose_data(grading, tmp_path, tmp_path / "cycle", 0.2, stage, [])


def test_what_the_grades_hold_decides_the_way_of_training(grading: Grading, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"dpo: 0 rows of 20; kto: 0 rows of 20; sft: 0 rows of 20"):
        _chosen(grading, tmp_path)
    _grade(grading, 100)
    assert _chosen(grading, tmp_path)["stage"] == "sft"
    _grade(grading, 100, scores=POOR)
    assert _chosen(grading, tmp_path)["stage"] == "kto"
    _grade(grading, 100, better="It is none.", scores=POOR)
    found = _chosen(grading, tmp_path)
    assert (found["stage"], found["graders"]) == ("dpo", ["ann"])
    assert _chosen(grading, tmp_path, "sft")["stage"] == "sft"


def test_held_out_questions_are_never_trained_on(grading: Grading, tmp_path: Path) -> None:
    _grade(grading, 100, better="It is none.", scores=POOR)
    found = _chosen(grading, tmp_path)
    held = [number for number in range(100) if is_held_out(f"What is the number of house {number}?", 0.2)]
    assert found["held_out"] == len(held)
    assert found["rows"] == 100 - len(held)
    rows = (tmp_path / "datasets" / found["dataset"] / "rows.jsonl").read_text()
    assert not any(f"house {number}?" in rows for number in held)


def test_what_was_corrected_stands_beside_what_the_expert_wrote(grading: Grading, tmp_path: Path) -> None:
    _grade(grading, 100, better="It is none.", scores=POOR)
    _chosen(grading, tmp_path)
    file = tmp_path / "cycle" / "held-out.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert all(row["target"] == ["It is none."] for row in rows)
    assert all(len(row["metadata"]["corrected"]) == 1 and row["metadata"]["corrected"] != row["target"] for row in rows)
    samples = load_dataset(DatasetSpec(path=str(file)), Places(file)).samples
    assert held_out_suite(file, samples).watch == ["f1", "nearer"]
    assert held_out_suite(file, samples[:9]).watch == ["f1"]


def _check(name: str, outcome: Any, low: float) -> Check:
    return Check(name=name, kind="regression", outcome=outcome, text=name, value=0.6, baseline=0.5, low=low, high=0.3)


def _verdict(verdict: Any, low: float = 0.1) -> Verdict:
    return Verdict(verdict=verdict, reasons=[verdict], checks=[_check("f1", verdict, low)], suite="s", run="r")


@pytest.mark.parametrize(
    ("f1", "nearer", "outcome", "wanted", "gained"),
    [
        (-0.1, 0.2, "pass", "pass", 0.2),
        (0.1, -0.2, "pass", "pass", 0.1),
        (-0.1, -0.2, "pass", "none", -0.1),
        (-0.5, 0.2, "fail", "fail", 0.2),
    ],
)
def test_one_of_the_two_metrics_must_rise_and_none_may_fall(
    f1: float, nearer: float, outcome: Any, wanted: str, gained: float
) -> None:
    checks = [_check("f1", outcome, f1), _check("nearer", "pass", nearer)]
    held = Verdict(verdict=outcome, reasons=["-"], checks=checks, suite="s", run="r")
    found = verdict_of({HELD_OUT: held})
    assert (found["verdict"], found["gain"]["low"]) == (wanted, gained)


@pytest.mark.parametrize(
    ("held", "standing", "low", "wanted"),
    [
        ("pass", "pass", 0.1, "pass"),
        ("pass", "pass", -0.1, "none"),
        ("pass", "fail", 0.1, "fail"),
        ("fail", "none", -0.3, "fail"),
        ("pass", "none", 0.1, "none"),
    ],
)
def test_a_candidate_passes_only_with_a_gain_and_without_a_loss(
    held: str, standing: str, low: float, wanted: str
) -> None:
    found = verdict_of({HELD_OUT: _verdict(held, low), "standing": _verdict(standing)})
    assert found["verdict"] == wanted
    if wanted != "pass":
        assert found["reasons"]
