"""Passages that graders mark become labels; rows that say nearly the same are kept once; the command writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.cli.main import run
from assistant.config import Settings
from assistant.database import open_database
from assistant.feedback import Feedback
from assistant.grades.grading import Grading
from assistant.grades.log import add_answer
from assistant.grades.types import Comparison, Grade
from graphs.answer import Answer, Citation, Evidence, Passage, RouteDecision

FULL = {"correct": 5, "supported": 5, "complete": 5}
POOR = {"correct": 1, "supported": 2, "complete": 1}
TEXTS = {
    "right": "The warranty lasts 24 months from the date of delivery.",
    "wrong": "The office is open from nine to five on working days.",
    "cited": "Repairs extend the warranty by six months each time.",
}


@pytest.fixture
def grading(tmp_path: Path) -> Iterator[Grading]:
    settings = Settings(home=tmp_path, cache=tmp_path)
    engine = open_database(settings)
    yield Grading(engine, settings, Feedback(engine))
    engine.dispose()


def given(answer_id: str, text: str, shown: tuple[str, ...] = ("right", "wrong"), cited: str = "") -> Answer:
    seen = [
        Evidence(
            passage=Passage(chunk_id=n, document_id="d", source="s", title="t", text=TEXTS[n], start=0, end=9),
            kept=True,
            why="",
        )
        for n in shown
    ]
    citations = [_citation(cited)] if cited else []
    route = RouteDecision(path="rag", reason="r", confidence=0.9)
    return Answer(text=text, route=route, answer_id=answer_id, thread_id="t", evidence=seen, citations=citations)


def _citation(chunk_id: str) -> Citation:
    text = TEXTS[chunk_id]
    return Citation(
        marker="[1]",
        chunk_id=chunk_id,
        document_id="d",
        source="s",
        title="t",
        page=None,
        start=0,
        end=len(text),
        snippet=text,
        score=1.0,
    )


def graded(grading: Grading, question: str, answer: Answer, **grade: Any) -> None:
    with grading.log._engine.begin() as connection:
        add_answer(connection, question, answer)
    grading.record(Grade(**{"answer_id": answer.answer_id, "grader": "ann", "scores": FULL, **grade}))


def test_marked_passages_teach_what_answers_a_question(grading: Grading) -> None:
    graded(grading, "How long is the warranty?", given("a", "24 months [1]."), right_sources=["right"])
    graded(grading, "When is it open?", given("b", "From nine to five."))
    rows = grading.rows("retrieval")
    assert rows.rows == [
        {"question": "How long is the warranty?", "passages": [TEXTS["right"], TEXTS["wrong"]], "gold": [0]}
    ]
    assert (rows.marked, rows.unused) == (1, 1)
    assert "made 1 of the rows" in grading.card("retrieval", rows)


def test_retrieval_rows_are_what_encoders_are_trained_on(grading: Grading) -> None:
    from training.tuning.sentence import MARKED

    graded(grading, "How long is the warranty?", given("a", "24 months."), right_sources=["right"])
    (row,) = grading.rows("retrieval").rows
    assert MARKED.columns == tuple(row)
    assert MARKED.check(row) == ""


def test_marked_passages_teach_the_reader_where_an_answer_stands(grading: Grading, tmp_path: Path) -> None:
    from training.reader.data import own_rows

    graded(grading, "How long is the warranty?", given("a", "24 months [1]"), right_sources=["right"])
    rows = grading.rows("reader")
    file = tmp_path / "own.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows.rows), encoding="utf-8")
    read = {row.context: row.context[row.start : row.end] for row in own_rows(file)}
    assert read == {TEXTS["right"]: "24 months", TEXTS["wrong"]: ""}


def test_a_supported_answer_is_carried_by_what_was_marked_and_not_by_the_rest(grading: Grading) -> None:
    answer = given("a", "24 months [1].", ("right", "wrong", "cited"), cited="cited")
    graded(grading, "How long is the warranty?", answer, right_sources=["right"])
    rows = grading.rows("detector")
    assert [(row["source"], row["label"]) for row in rows.rows] == [(TEXTS["right"], "0"), (TEXTS["wrong"], "1")]
    assert rows.marked == 2


def test_graders_who_mark_differently_settle_it_by_weight(grading: Grading) -> None:
    answer = given("a", "24 months.", ("right", "wrong", "cited"))
    graded(grading, "How long is the warranty?", answer, right_sources=["right"])
    for name, marked in (("bob", ["right", "cited"]), ("eve", ["right"]), ("kim", [])):
        grading.record(Grade(answer_id="a", grader=name, scores=FULL, right_sources=marked))
    (judged,) = grading.judged()
    assert [one.chunk_id for one in judged.right] == ["right"]
    assert [one.chunk_id for one in judged.wrong] == ["wrong"]  # one of three marked the other: it is neither
    assert judged.marks["cited"] == pytest.approx(1 / 3)


def test_what_says_nearly_the_same_is_kept_once(grading: Grading) -> None:
    text = "You can send the device back to us within the warranty, and we repair it or send you another one for free"
    for name, question, said in (
        ("a", "What happens if my device breaks within the warranty period?", text + "."),
        ("b", "What happens if my device breaks within the warranty period", text + ", always."),
        ("c", "Who may read what I write?", "Only you and whoever you show it to."),
    ):
        graded(grading, question, given(name, said))
    rows = grading.rows("sft")
    assert (len(rows.rows), rows.near, rows.repeated) == (2, 1, 0)
    assert len(rows.sources) == 2
    assert rows.sources[0][0]["answer_id"] == "a"
    assert "1 nearly the same" in grading.card("sft", rows)


def test_another_number_another_label_or_a_pair_turned_round_is_not_the_same(grading: Grading) -> None:
    long = "The fee for a card that was lost or stolen abroad is {} francs for each card and it is due within a month"
    for name, number, scores in (("a", 20, FULL), ("b", 30, FULL), ("c", 20, POOR)):
        graded(grading, "What does a lost card cost me?", given(name, long.format(number)), scores=scores)
    rows = grading.rows("kto")
    assert (len(rows.rows), rows.near) == (3, 0)
    other = given("d", "It costs what the list of fees says, and for a card lost abroad that is twenty francs.", ())
    graded(grading, "What does a lost card cost me?", other)
    for first, second in (("a", "d"), ("d", "a")):
        grading.compare(Comparison(first=first, second=second, grader="me", choice="first"))
    assert len(grading.rows("dpo").rows) == 2


@pytest.mark.parametrize("wanted", ["sft", "retrieval"])
def test_the_command_writes_rows_and_card(
    home: Path, tmp_path: Path, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=home)
    engine = open_database(settings)
    graded(
        Grading(engine, settings, Feedback(engine)),
        "How long is it?",
        given("a", "24 months."),
        right_sources=["right"],
    )
    engine.dispose()
    out = tmp_path / "rows.jsonl"
    assert run(["grades", "export", "--format", wanted, "--out", str(out), "--home", str(home), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["near"], len(out.read_text(encoding="utf-8").splitlines())) == (1, 0, 1)
    assert out.with_suffix(".md").read_text(encoding="utf-8") == told["card"]
