"""The mixed set's judgements and tables, on answers made by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from eval.mixed.judge import bluffed, right
from eval.mixed.outcomes import Outcome, collect, read_outcomes
from eval.mixed.rows import SIZES, mixed
from eval.mixed.table import Table, difference, markdown, share
from eval.sample import Sample
from graphs.answer import Answer, RouteDecision
from graphs.errors import ModelError

ROUTE = RouteDecision(path="rag", reason="", confidence=1)


def answer(text: str = "", **changes: Any) -> Answer:
    return Answer(text=text, route=ROUTE, **changes)


def sample(kind: str, target: Any = None, row: str = "r") -> Sample:
    return Sample(id=row, input="?", target=target, metadata={"kind": kind})


@pytest.mark.parametrize(
    ("kind", "target", "made", "good"),
    [
        ("answerable", ["24 months"], answer("It lasts 24 months [1]."), True),
        ("answerable", ["4 months"], answer("It lasts 24 months."), False),
        ("answerable", ["24 months"], answer("I don't know: 24 months?", abstained=True), False),
        ("unanswerable", None, answer("I don't know.", abstained=True), True),
        ("unanswerable", None, answer("Ten years."), False),
        ("intent", "lost card", answer("Lost card"), True),
        ("intent", "card", answer("lost card"), False),
        ("extraction", '{"year": "1961"}', answer("…", data={"year": "1961", "name": "x"}), True),
        ("extraction", '{"year": "1961"}', answer("1961"), False),
        ("chat", None, answer("Hello, how are you?"), True),
        ("chat", None, answer("“A quotation of a document.” [1]", quoted=True), False),
    ],
)
def test_what_counts_as_right(kind: str, target: Any, made: Answer, good: bool) -> None:
    assert right(sample(kind, target), made) is good


def test_a_refusal_is_no_bluff() -> None:
    assert bluffed(sample("answerable", ["a"]), answer("Wrong."))
    assert not bluffed(sample("answerable", ["a"]), answer("I don't know.", abstained=True))


def test_outcomes_are_collected_once_and_a_failure_counts_as_wrong(tmp_path: Path) -> None:
    file, asked = tmp_path / "o.jsonl", []

    def ask(row: Sample, path: str) -> Answer:
        asked.append((row.id, path))
        if path == "tools":
            raise ModelError("broken", "mend it")
        return answer("blue")

    rows = [sample("answerable", ["blue"], "a"), sample("answerable", ["red"], "b")]
    collect(rows, ["rag", "tools"], ask, file, lambda _: None)
    with file.open("a") as part:
        part.write('{"id": "half')
    assert collect(rows, ["rag", "tools"], ask, file, lambda _: None) == 0
    assert len(asked) == 4
    assert [outcome.right for outcome in read_outcomes(file)] == [True, False, False, False]


def outcomes() -> list[Outcome]:
    rows = []
    for number in range(40):
        made = (("rag", number < 20, 2.0), ("tools", number >= 30, 0.1), ("auto", number != 25, 1.0))
        for path, good, seconds in made:
            fields = {"id": str(number), "kind": "answerable", "asked": path, "path": path, "seconds": seconds}
            rows.append(Outcome(**fields, right=good, bluffed=False))
    return rows


def test_the_table_compares_auto_with_the_best_and_the_costliest() -> None:
    table = Table(outcomes(), ["rag", "tools", "auto"])
    found = table.summary()
    assert (found["best_single"], found["costliest"], found["n"]) == ("rag", "rag", 40)
    assert found["time_against_costliest"][0] == pytest.approx(0.5)
    assert found["right_against_best_single"][0] == pytest.approx(39 / 20)
    assert "97.5 %" in markdown(table, {})


def test_intervals_hold_the_value() -> None:
    found = share([True] * 8 + [False] * 2)
    assert found.low < found.value == 80.0 < found.high <= 100
    gain, low, high = difference([1, 1, 0, 1], [0, 1, 0, 0])
    assert low <= gain == 50.0 <= high


def test_the_parts_share_no_row_and_fewer_rows_are_a_part_of_more() -> None:
    if not os.environ.get("CROSSROADS_DATA"):
        pytest.skip("CROSSROADS_DATA is not set: the mixed set is made of public sets.")
    half: Any = {kind: size // 4 for kind, size in SIZES.items()}
    dev, train = mixed("dev"), mixed("train")
    few = {row.id: row.input for row in mixed("dev", half)}
    assert len({row.id for row in dev}) == len(dev) >= 600
    assert not {row.input for row in dev} & {row.input for row in train}
    assert few.items() <= {row.id: row.input for row in dev}.items()
