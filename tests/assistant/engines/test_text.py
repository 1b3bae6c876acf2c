"""What a reader sees of a stream of tokens."""

from __future__ import annotations

import random

import pytest

from assistant.engines.text import StopFilter, TextStream
from tests.assistant.tiny_models import byte_codec

TEXTS = ["plain words", "naïve café — 12 €", "東京 and 🦜🔗 together", "tabs\tand\n\nlines ", ""]


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_joined_are_the_text(text: str) -> None:
    codec = byte_codec()
    stream = TextStream(codec.decode)
    assert "".join(stream.push(token) for token in codec.encode(text)) + stream.flush() == text


def test_no_piece_holds_half_a_character() -> None:
    codec = byte_codec()
    stream = TextStream(codec.decode)
    pieces = [stream.push(token) for token in codec.encode("a🦜b")]
    assert pieces == ["a", "", "", "", "🦜", "b"]


def test_half_a_character_at_the_end_is_shown_as_such() -> None:
    codec = byte_codec()
    stream = TextStream(codec.decode)
    shown = "".join(stream.push(token) for token in codec.encode("a🦜")[:-1])
    assert shown == "a"
    assert stream.flush() == "\ufffd"


@pytest.mark.parametrize("seed", range(50))
def test_however_it_is_cut_no_part_of_a_stop_leaks(seed: int) -> None:
    random_numbers = random.Random(seed)  # noqa: S311
    text, stops = "abSTabSTOPcdEND", ["STOP", "END"]
    held, shown, rest = StopFilter(stops), "", text
    while rest:
        size = random_numbers.randint(1, 4)
        shown += held.push(rest[:size])
        assert text.startswith(shown)
        assert len(shown) <= text.index("STOP")
        rest = rest[size:]
    assert shown + held.flush() == "abSTab"
    assert held.stopped


def test_what_only_looked_like_a_stop_is_shown_in_the_end() -> None:
    held = StopFilter(["\nUser:"])
    shown = [held.push(piece) for piece in ("yes", "\nUs", "ually", " so\nUse")]
    assert shown == ["yes", "", "\nUsually", " so"]
    assert held.flush() == "\nUse"


def test_the_earliest_of_several_stops_counts() -> None:
    held = StopFilter(["bb", "a"])
    assert held.push("xxabb") == "xx"


def test_no_stops_hold_nothing_back() -> None:
    assert StopFilter([]).push("all of it") == "all of it"
