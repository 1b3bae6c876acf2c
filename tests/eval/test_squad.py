"""SQuAD 2.0's measures against values worked by hand."""

from __future__ import annotations

import math

import pytest

from eval.squad import Judged, auc, best_threshold, curve, exact, f1, figures, normalise

ROWS = [
    Judged("Paris", 0.9, ("Paris", "the city of Paris")),
    Judged("in 1887", 0.4, ("1887",)),
    Judged("a tower", 0.7, ()),
    Judged("nothing much", 0.1, ()),
]


def test_case_articles_and_punctuation_do_not_count() -> None:
    assert normalise("The  Eiffel-Tower, a landmark!") == "eiffeltower landmark"


def test_an_article_inside_a_word_stays() -> None:
    assert normalise("another theatre") == "another theatre"


def test_f1_is_the_harmonic_mean_of_shared_tokens() -> None:
    # 2 of 3 predicted tokens are right (precision 2/3), 2 of 4 answer tokens found (recall 1/2): 4/7
    assert f1("red blue green", ["red blue black white"]) == pytest.approx(4 / 7)


def test_a_repeated_token_counts_as_often_as_both_have_it() -> None:
    assert f1("go go go", ["go"]) == pytest.approx(0.5)


def test_the_best_of_several_answers_counts() -> None:
    assert exact("the city of Paris", ["Paris", "City of Paris"]) == 1.0


def test_refusing_is_right_only_where_there_is_no_answer() -> None:
    assert (f1("", []), f1("", ["Paris"]), f1("Paris", [])) == (1.0, 0.0, 0.0)


def test_figures_at_a_threshold() -> None:
    found = figures(ROWS, 0.5)
    # Paris right, 1887 refused, one impossible answered, one refused
    assert (found.f1, found.exact, found.answerable_f1) == (50.0, 50.0, 50.0)
    assert (found.kept, found.refused, found.n, found.impossible) == (50.0, 50.0, 4, 2)


def test_partly_right_spans_count_by_f1() -> None:
    assert figures(ROWS, 0.0).answerable_f1 == pytest.approx(100 * (1 + 2 / 3) / 2)


def test_no_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 given"):
        figures([], 0.5)


def test_best_threshold_parts_what_can_be_parted() -> None:
    rows = [Judged("x", 0.8, ("x",)), Judged("y", 0.6, ("y",)), Judged("z", 0.5, ()), Judged("z", 0.2, ())]
    assert figures(rows, best_threshold(rows)).f1 == 100.0


def test_a_little_less_f1_buys_more_answers() -> None:
    rows = [Judged("yes", chance, ("yes",) if right else (), "") for chance, right in ((0.9, 1), (0.6, 0), (0.5, 1))]
    rows += [Judged("yes", 0.1, (), "")] * 7
    rows += [Judged("yes", 0.55, (), "")]
    strict, lenient = best_threshold(rows), best_threshold(rows, slack=15.0)
    assert figures(rows, strict).kept == 50.0
    assert figures(rows, lenient).kept == 100.0
    assert figures(rows, strict).f1 - figures(rows, lenient).f1 <= 15.0


def test_best_threshold_refuses_all_where_nothing_is_ever_right() -> None:
    rows = [Judged("x", 0.8, ()), Judged("y", 1.0, ())]
    assert figures(rows, best_threshold(rows)).refused == 100.0


def test_the_curve_goes_from_answering_all_to_refusing() -> None:
    points = curve(ROWS, steps=4)
    assert [point["threshold"] for point in points] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert (points[0]["kept"], points[0]["refused"]) == (100.0, 0.0)
    assert (points[-1]["kept"], points[-1]["refused"]) == (0.0, 100.0)


def test_auc_counts_ties_half() -> None:
    # pairs: (0.9,0.5) win, (0.9,0.1) win, (0.5,0.5) tie, (0.5,0.1) win
    assert auc([0.9, 0.5], [0.5, 0.1]) == pytest.approx(3.5 / 4)


def test_auc_of_one_side_is_undefined() -> None:
    assert math.isnan(auc([0.5], []))
