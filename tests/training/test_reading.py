"""Cutting passages into pieces and finding the best span."""

from __future__ import annotations

import numpy as np
import pytest

from training.reader.reading import LONGEST_SPAN, Calibration, Found, Piece, best_span, cut, pad


def test_a_short_passage_is_one_piece() -> None:
    assert cut([7, 8], [1, 2, 3], 320, 96, 64) == [Piece([101, 7, 8, 102, 1, 2, 3, 102], 4, 0)]


def test_pieces_cover_a_long_passage_and_overlap() -> None:
    passage = list(range(1000, 1900))
    pieces = cut([7] * 10, passage, 320, 96, 64)
    seen = {piece.first + place for piece in pieces for place in range(len(piece.ids) - piece.lead - 1)}
    assert seen == set(range(900))
    ends = [piece.first + len(piece.ids) - piece.lead - 1 for piece in pieces]
    assert all(end - after.first >= 96 for end, after in zip(ends, pieces[1:], strict=False))
    assert max(len(piece.ids) for piece in pieces) <= 320


@pytest.mark.parametrize("size", [307, 308, 309, 403, 404, 405, 616])
def test_no_piece_is_longer_than_allowed_and_no_token_is_lost(size: int) -> None:
    pieces = cut([7] * 10, list(range(size)), 320, 96, 64)
    kept = {token for piece in pieces for token in piece.ids[piece.lead : -1]}
    assert kept == set(range(size))
    assert all(len(piece.ids) <= 320 for piece in pieces)


def test_a_long_question_is_cut_so_that_the_passage_keeps_room() -> None:
    assert cut([7] * 500, [1], 320, 96, 64)[0].lead == 66


def test_types_mark_the_passage_only() -> None:
    ids, mask, types = pad([Piece([101, 7, 102, 1, 2, 102], 3, 0), Piece([101, 7, 102, 5, 102], 3, 0)])
    assert types.tolist() == [[0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 0, 0]]
    assert mask.tolist() == [[1] * 6, [1, 1, 1, 1, 1, 0]]
    assert ids[1, 5] == 0


def test_the_best_span_lies_in_the_passage_and_in_order() -> None:
    start, end = np.full(8, -5.0), np.full(8, -5.0)
    start[0], end[1] = 50.0, 50.0  # question tokens must not win
    start[5], end[6], end[3] = 9.0, 9.0, 12.0  # the end before the start must not win either
    found = best_span(Piece([101, 7, 102, 1, 2, 3, 4, 102], 3, 40), start, end, 0.5)
    assert (found.start, found.end, found.judged) == (42, 43, 0.5)


def test_no_span_is_longer_than_allowed() -> None:
    start, end = np.zeros(104), np.zeros(104)
    start[3], end[100] = 20.0, 20.0
    found = best_span(Piece([101, 7, 102, *range(100), 102], 3, 0), start, end, 0.0)
    assert found.end - found.start < LONGEST_SPAN


def test_an_even_chance_is_one_half() -> None:
    assert Calibration(2.0, 0.5, -1.0).chance(Found(0, 0, -2.0, 1.0)) == 0.5


def test_extreme_logits_do_not_overflow() -> None:
    assert Calibration().chance(Found(0, 0, 0.0, -1e6)) < 1e-9
