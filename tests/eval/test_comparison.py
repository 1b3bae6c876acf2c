"""Paths compared on the same questions, with planted differences."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assistant.app import Assistant
from assistant.cli.main import run
from assistant.operations import run_here
from eval.comparison import PathRun, build, judged
from eval.record import SampleRecord
from eval.sample import Sample, Score
from eval.scorers.base import Tools
from eval.scorers.token_f1 import TokenF1
from eval.target import Output
from graphs.answer import Answer, RouteDecision, Usage
from tests.assistant.home_fakes import open_fake


def path_run(
    path: str, quality: list[float], *, cost: float = 0.0, seconds: float = 1.0, wrong: float = 0.0
) -> PathRun:
    """Answers of these qualities; a share `wrong` of them is unsupported."""
    records, scores = [], []
    for number, value in enumerate(quality):
        sample = Sample(id=str(number), input="?", target="!")
        usage = Usage(cost_usd=cost)
        records.append(SampleRecord(sample=sample, output=Output(text="x", usage=usage, seconds=seconds)))
        bad = float(number < wrong * len(quality))
        about = {"answerable": value, "wrong": bad, "sentences": 1, "hallucinated": bad}
        scores.append(Score(value=value, metadata=about))
    return PathRun(path, records, scores)


def coins(share: float, n: int, seed: int) -> list[float]:
    draw = random.Random(seed)  # noqa: S311
    return [float(draw.random() < share) for _ in range(n)]


def test_a_clearly_better_path_is_recommended_though_it_costs_more() -> None:
    made = build([path_run("zero_shot", coins(0.3, 100, 1)), path_run("rag", coins(0.8, 100, 2), cost=0.01)], {})
    assert made.recommendation == "rag"
    assert any("The prompt alone is worse" in reason for reason in made.why)


def test_of_equal_paths_the_cheaper_one_is_recommended() -> None:
    same = coins(0.6, 80, 3)
    nearly = [0.0 if number == same.index(1.0) else value for number, value in enumerate(same)]
    made = build([path_run("rag", same, cost=0.01), path_run("few_shot", nearly, cost=0.001)], {})
    assert made.recommendation == "few_shot"
    assert any("not shown to be better" in reason for reason in made.why)
    assert any(change.startswith("More questions") for change in made.changes)


def test_of_equal_paths_at_one_price_the_one_that_makes_less_up_is_recommended() -> None:
    same = coins(0.6, 80, 5)
    made = build([path_run("zero_shot", same, seconds=0.5, wrong=0.9), path_run("rag", same, seconds=2.0)], {})
    assert made.recommendation == "rag"


def test_costs_are_told_for_a_thousand_and_a_million_requests() -> None:
    (row,) = build([path_run("rag", [1.0, 1.0], cost=0.002, seconds=3.6)], {}, usd_per_hour=1.0).rows
    assert row["monthly"]["1000"] == {"usd": pytest.approx(1000 * (0.002 + 0.001)), "machine_hours": pytest.approx(1.0)}
    assert row["monthly"]["1000000"]["usd"] == pytest.approx(3000)


def test_a_path_that_was_not_measured_is_said() -> None:
    made = build([path_run("rag", [1.0, 0.0])], {"tuned": "no tuned model is set."})
    assert made.missing == {"tuned": "no tuned model is set."}
    assert "tuned was not measured: no tuned model is set." in made.changes


def test_nothing_measured_recommends_nothing() -> None:
    assert build([], {"rag": "no documents are loaded."}).recommendation == ""


def answered(text: str, abstained: bool, target: str, **metadata: Any) -> SampleRecord:
    route = RouteDecision(path="rag", reason="r", confidence=1)
    answer = Answer(text=text, route=route, abstained=abstained)
    sample = Sample(id="a", input="?", target=target, metadata=metadata)
    return SampleRecord(sample=sample, output=Output(text=text, answer=answer))


@pytest.mark.parametrize(
    ("record", "value"),
    [
        (answered("330 metres", False, "330 metres"), 1.0),
        (answered("I don't know.", True, "330 metres"), 0.0),
        (answered("I don't know.", True, "", answerable=False), 1.0),
        (answered("330 metres", False, "", answerable=False), 0.0),
    ],
)
def test_refusing_is_right_where_there_is_no_answer(record: SampleRecord, value: float) -> None:
    assert judged(record, TokenF1(), Tools(), 0, 1).value == value


def test_a_failure_is_of_no_quality_and_as_bad_as_a_hallucination() -> None:
    record = SampleRecord(sample=Sample(id="a", input="?", target="!"), output=Output(error={"message": "gone"}))
    score = judged(record, TokenF1(), Tools(), 0, 0)
    assert (score.value, score.metadata["hallucinated"]) == (0.0, 1.0)


@pytest.fixture
def assistant(home: Path) -> Iterator[Assistant]:
    with open_fake(home) as opened:
        yield opened


@pytest.fixture
def here(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> Assistant:
    @contextmanager
    def session(home: Any, overrides: Any, *, tell: bool = True) -> Any:
        yield lambda operation, arguments, on_event: run_here(assistant, operation, arguments, on_event)

    monkeypatch.setattr("assistant.cli.eval_compare.session", session)
    return assistant


def questions(folder: Path) -> Path:
    rows = [
        {"id": "1", "input": "How long does the warranty last?", "target": "24 months"},
        {"id": "2", "input": "By how many months do repairs extend the warranty?", "target": "six months"},
        {"id": "3", "input": "Who paints chapels?", "target": "", "metadata": {"answerable": False}},
    ]
    file = folder / "questions.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_the_command_compares_and_says_what_is_missing(
    here: Assistant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", "compare", str(questions(tmp_path)), "--out", str(tmp_path / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["path"]: row for row in found["rows"]}
    assert set(rows) == {"zero_shot", "few_shot", "rag"}
    assert set(found["missing"]) == {"tuned", "tuned_rag"}
    assert rows["rag"]["metrics"]["quality"]["value"] > rows["zero_shot"]["metrics"]["quality"]["value"]
    assert rows["rag"]["metrics"]["refused"]["value"] == 1.0


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_questions_may_stand_in_a_table(
    kind: str, here: Assistant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pandas

    rows = [json.loads(line) for line in questions(tmp_path).read_text(encoding="utf-8").splitlines()]
    known = [{**row, "answerable": row.pop("metadata", {}).get("answerable", True)} for row in rows]
    file = tmp_path / f"questions.{kind}"
    table = pandas.DataFrame(known)
    table.to_csv(file, index=False) if kind == "csv" else table.to_parquet(file)
    assert run(["eval", "compare", str(file), "--paths", "rag", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["n"], row["metrics"]["refused"]["n"], row["metrics"]["refused"]["value"]) == (3, 1, 1.0)


def test_started_again_it_asks_nothing_twice(
    here: Assistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["eval", "compare", str(questions(tmp_path)), "--paths", "rag", "--out", str(tmp_path / "out"), "--json"]
    assert run(line) == 0
    first = json.loads(capsys.readouterr().out)
    monkeypatch.setattr(here, "stream", lambda *_: pytest.fail("asked again"))
    assert run(line) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == first["rows"]


def test_every_path_leaves_a_run_that_can_be_reported(
    here: Assistant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", "compare", str(questions(tmp_path)), "--paths", "rag", "--out", str(tmp_path / "out")]) == 0
    assert run(["eval", "report", str(tmp_path / "out" / "rag")]) == 0
    assert "Recommended: rag" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jsonl"], "'nowhere.jsonl' is not there"),
        (["QUESTIONS", "--paths", "magic"], "'magic'"),
        (["QUESTIONS", "--scorer", "taste"], "'taste'"),
        (["QUESTIONS", "--scorer", "judge"], "needs judge"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_loaded(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(questions(tmp_path))
    assert run(["eval", "compare", *(file if each == "QUESTIONS" else each for each in arguments), "--json"]) == 2
    assert said in json.loads(capsys.readouterr().out)["error"]["message"]
