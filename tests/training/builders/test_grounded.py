"""Rows made of documents: each has its evidence where it says, distractors do not answer, refusals have none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.evidence.checker import FeatureChecker
from graphs.context import Reading
from graphs.errors import NotFoundError, UsageError
from graphs.words import coverage
from training.builders.approval import Desk, lay_out, read_lines
from training.builders.grounded import Source, Tools, build, by_model, definitions, passages
from training.builders.preferences import Judged, pair
from training.tuning.rows import read
from training.tuning.texts import REFUSAL, SFT_SHAPES

TEXT = """A crossroads is a place where two or more roads meet at the same level.

It is busy. The roundabout is a circular junction in which traffic flows around an island.

Nothing else is said here, and this line only fills the page with some more words."""


class WordReader:
    """Finds the sentence with the question's words."""

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        found = []
        for passage in passages:
            share = coverage(question, [passage])
            found.append(Reading(answerable=share, start=0, end=len(passage), text=passage if share else ""))
        return found


def tools(**changes: object) -> Tools:
    others = [
        Source("other", "Lamps must be lit at dusk.", 0, 26),
        Source("other", "A bridge spans a river.", 30, 50),
    ]
    usual = {"propose": definitions, "search": lambda _: others, "reader": WordReader(), "checker": FeatureChecker()}
    return Tools(**{**usual, "refusals": 1.0, **changes})  # type: ignore[arg-type]


def test_documents_are_cut_at_paragraphs() -> None:
    cut = list(passages("doc", TEXT, most=20))
    assert [TEXT[one.start : one.end] for one in cut] == [one.text for one in cut]
    assert len(cut) == 3
    assert [one.text for one in passages("doc", TEXT, most=500)] == [TEXT]
    assert list(passages("doc", " \n\n ")) == []


def test_sentences_that_define_become_questions() -> None:
    asked = [question for question, _ in definitions(TEXT)]
    assert asked == ["What is crossroads?", "What is roundabout?"]


def test_rows_hold_their_evidence_and_refusals_do_not() -> None:
    rejected: list[str] = []
    rows = list(build(passages("doc", TEXT, most=20), tools(), lambda question, why: rejected.append(why)))
    answered = [row for row in rows if row.gold]
    refused = [row for row in rows if not row.gold]
    assert len(answered) == len(refused) == 2
    for row in answered:
        assert row.passages[row.gold[0]] in TEXT
        assert row.answer.endswith(f"[{row.gold[0] + 1}]")
        assert row.checks["supported"] > 0.5
        assert len(row.passages) == 3
    for row in refused:
        assert row.answer == REFUSAL
        assert not any(passage in TEXT for passage in row.passages)
    assert not rejected


@pytest.mark.parametrize(
    ("question", "answer", "why"),
    [
        ("Tell me of roads", "Two roads meet.", "not a question"),
        ("What is a crossroads?", "It is a kind of cheese from Normandy.", "not supported"),
        ("Who invented the steam engine long ago?", "two or more roads meet", "finds no answer"),
        ("Is it that two or more roads meet?", "two or more roads meet", "gives its answer away"),
        ("What is a crossroads?", "", "has no answer"),
    ],
)
def test_bad_proposals_are_rejected_with_a_reason(question: str, answer: str, why: str) -> None:
    rejected: list[str] = []
    made = tools(propose=lambda _: [(question, answer)])
    assert list(build([Source("doc", TEXT.split("\n\n")[0], 0, 80)], made, lambda _, said: rejected.append(said))) == []
    assert why in rejected[0]


def test_a_question_is_asked_once() -> None:
    source = Source("doc", TEXT.split("\n\n")[0], 0, 80)
    rejected: list[str] = []
    rows = list(build([source, source], tools(refusals=0.0), lambda _, said: rejected.append(said)))
    assert len(rows) == 1
    assert rejected == ["it was asked before"]


def test_a_models_lines_are_read() -> None:
    propose = by_model(lambda _: "Sure!\nQ: What meets?\nA: Roads.\n\nQ: Where?\nA: Here.\nQ: Why?\nA: So.", most=2)
    assert list(propose("text")) == [("What meets?", "Roads."), ("Where?", "Here.")]


def test_nothing_is_trained_on_before_somebody_kept_it(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Desk(tmp_path / "nowhere")
    folder = tmp_path / "rows"

    def rows(rejected: object) -> list[dict[str, object]]:
        return [row.as_row() for row in build(passages("doc", TEXT, most=20), tools(), lambda *_: None)]

    assert lay_out(folder, rows) == {"candidates": 4, "rejected": 0}
    desk = Desk(folder)
    assert desk.write_approved() == 0
    first, second, *_ = desk.waiting()
    desk.decide(first["id"], "keep", answer="Where roads meet [1].")
    desk.decide(second["id"], "drop")
    with pytest.raises(UsageError, match="nonesuch"):
        desk.decide("nonesuch", "keep")
    assert desk.write_approved() == 1
    assert desk.counts() == {"waiting": 2, "kept": 1, "dropped": 1}
    assert read_lines(folder / "approved.jsonl")[0]["answer"] == "Where roads meet [1]."
    assert len(read([folder / "approved.jsonl"], SFT_SHAPES)) == 1
    lay_out(folder, rows)
    assert Desk(folder).counts()["kept"] == 1, "decisions outlive another making"


def test_votes_become_pairs() -> None:
    def judged(question: str, text: str, liked: bool, **more: bool) -> Judged:
        return Judged([{"role": "user", "content": question}], question, text, liked, **more)

    rejected: list[str] = []
    rows = list(
        pair(
            [
                judged("How long?", "Two years.", True),
                judged("how long", "A while, who knows.", False),
                judged("Why?", "Because.", True),
                judged("Where?", "Here.", True),
                judged("Where?", "Here!", False),
                judged("When?", "Now.", True),
                judged("When?", "Now or never. " * 30, False),
            ],
            lambda _, why: rejected.append(why),
        )
    )
    assert [(row["chosen"], row["rejected"]) for row in rows] == [("Two years.", "A while, who knows.")]
    assert rejected == [
        "it has no disliked answer",
        "both answers say the same",
        "one answer is many times as long as the other",
    ]
