"""Rows, perturbed questions and token windows of the reader's training data."""

from __future__ import annotations

import random

import pytest

from training.opposites import OPPOSITES
from training.reader.data import Row, near_passages, to_row
from training.reader.perturb import perturb

CONTEXT = "In 1887 Gustave Eiffel began the tower in Paris; Maurice Koechlin drew it first in 1884."


def _record(**changes: object) -> dict[str, object]:
    base = {"question": " Who  began it? ", "context": CONTEXT, "title": "Tower", "is_impossible": False}
    return {**base, "answers": ["Gustave Eiffel"], "answer_starts": [8], **changes}


def test_a_row_points_at_its_answer() -> None:
    row = to_row(_record(), "squad")
    assert row is not None
    assert row.context[row.start : row.end] == "Gustave Eiffel"
    assert row.question == "Who began it?"


def test_a_wrong_offset_is_mended_by_searching() -> None:
    row = to_row(_record(answer_starts=[2]), "squad")
    assert row is not None
    assert row.start == 8


def test_an_answer_that_is_not_in_the_passage_is_left_out() -> None:
    assert to_row(_record(answers=["Napoleon"], answer_starts=[0]), "squad") is None


def test_an_impossible_row_has_no_span() -> None:
    row = to_row(_record(is_impossible=True, answers=[]), "squad")
    assert row is not None
    assert not row.answerable


@pytest.mark.parametrize("seed", range(20))
def test_a_changed_question_differs_and_is_impossible(seed: int) -> None:
    row = Row("When did Maurice Koechlin first draw it before 1887?", CONTEXT, 83, 87, "squad", answers=("1884",))
    changed = perturb(row, random.Random(seed))  # noqa: S311
    assert changed is not None
    assert changed.question != row.question
    assert not changed.answerable
    assert changed.context == CONTEXT


def test_a_question_with_nothing_to_change_is_left_out() -> None:
    assert perturb(Row("Who?", CONTEXT, 8, 22, "squad", answers=("Gustave Eiffel",)), random.Random(0)) is None  # noqa: S311


def test_opposites_are_mutual_or_at_least_never_themselves() -> None:
    assert all(word != other for word, other in OPPOSITES.items())


def test_near_passages_do_not_hold_the_answer() -> None:
    row = Row("Who began the tower in Paris?", CONTEXT, 8, 22, "squad", answers=("Gustave Eiffel",))
    others = ["Gustave  Eiffel began a tower in Paris.", "Somebody began another tower in Paris.", "Cats sleep."]
    near = near_passages([row], [CONTEXT, *others])[0]
    assert near[0] == "Somebody began another tower in Paris."
    assert others[0] not in near
    assert CONTEXT not in near
