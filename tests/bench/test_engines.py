"""What the engine measurement makes of its numbers."""

from __future__ import annotations

import pytest

from bench.engines import COLUMNS, agreement, prompts, table


def test_there_are_more_than_thirty_prompts_and_all_differ() -> None:
    asked, long = prompts(32)
    assert len({str(conversation) for conversation in asked}) == 32
    assert len({str(conversation) for conversation in long}) == len(long) >= 6


def test_agreement_counts_up_to_where_answers_part() -> None:
    found = agreement([[1, 2, 3, 4], [1, 9, 3, 4]], [[1, 2, 3, 4], [1, 2, 3, 4]])
    assert found["tokens_until_parting"] == pytest.approx((1 + 0.25) / 2)
    assert found["equal_answers"] == 0.5


def test_an_answer_that_is_only_the_beginning_is_not_equal() -> None:
    found = agreement([[1, 2]], [[1, 2, 3, 4]])
    assert found == {"tokens_until_parting": 0.5, "equal_answers": 0.0, "n": 1}


def test_the_table_of_multiples_divides_by_the_base() -> None:
    base = {"engine": "slow", "threads": 2, **{key: 4.0 for _, key, _ in COLUMNS}}
    fast = {"engine": "fast", "threads": 2, **{key: 2.0 for _, key, _ in COLUMNS}}
    assert table([fast], base).splitlines()[-1].count("0.50×") == len(COLUMNS)


def test_what_was_not_measured_is_left_open() -> None:
    assert "–" in table([{"engine": "x", "threads": 1}])
