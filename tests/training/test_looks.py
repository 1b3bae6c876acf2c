"""Plain looks at the words beside the reader's network."""

from __future__ import annotations

import numpy as np
import pytest

from graphs.words import stem
from training.grounding.features import Rarity
from training.reader.looks import LOOKS, Nearness, looks, nearness, texts_of

PASSAGE = "The abbey was founded in 1066 by Mary Brown. Its tower was added later, in 1204, by monks from Lyon."


RARITY = Rarity({stem("tower"): 4.0, stem("abbey"): 6.0}, 9.0)
NEAR = Nearness(0.5, 0.4, 0.6)


def look(question: str, answer: str) -> dict[str, float]:
    start = PASSAGE.index(answer)
    return dict(zip(LOOKS, looks(question, PASSAGE, start, start + len(answer), 12.0, NEAR, RARITY), strict=True))


def test_a_question_the_passage_covers_misses_nothing() -> None:
    found = look("When was the abbey founded by Mary Brown?", "1066")
    assert {name for name, value in found.items() if value} == {
        "score", "near_passage", "near_answer", "near_best", "when"
    }  # fmt: skip
    assert (found["score"], found["near_answer"]) == (1.2, 0.4)


def test_a_rare_word_that_is_missing_counts_more() -> None:
    found = look("Who climbed the abbey tower?", "Mary Brown")
    assert found["rarest_missing"] == 0.9
    assert found["rare_missing"] > found["missing"]
    assert look("Who built the abbey tower?", "Mary Brown")["who"] == 1.0


def test_an_opposite_beside_the_answer_is_seen() -> None:
    passage = "The first tower fell. The last tower stood until 1204."
    start = passage.index("1204")
    found = [
        dict(zip(LOOKS, looks(asked, passage, start, start + 4, 0.0, NEAR, RARITY), strict=True))["turned"]
        for asked in ("When did the first tower fall?", "When did the last tower fall?")
    ]
    assert found == [1.0, 0.0]


def test_nearness_is_of_the_sentence_the_answer_stands_in() -> None:
    assert texts_of("Q?", PASSAGE)[:2] == ["Q?", PASSAGE]
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 2.0], [3.0, 0.0]])
    start = PASSAGE.index("Mary Brown")
    near = nearness(vectors, PASSAGE, start, start + 10)
    assert (near.passage, near.answer, near.best) == pytest.approx((0.6, 0.0, 1.0))


def test_a_name_or_number_the_passage_lacks_is_seen() -> None:
    found = look("When did Peter Brown found the abbey?", "1066")
    assert found["names_missing"] == 0.5  # Peter, not Brown
    assert look("Who founded the abbey in 1067?", "Mary Brown")["names_missing"] == 1.0


def test_words_of_another_sentence_are_far_from_the_answer() -> None:
    found = look("Who added the tower?", "Mary Brown")
    assert (found["missing"], found["far"]) == (0.0, 1.0)


def test_an_answer_that_repeats_the_question_is_seen() -> None:
    assert look("Where is Lyon?", "monks from Lyon")["repeated"] == 0.5


def test_a_question_without_content_words_says_nothing() -> None:
    assert not any(value for name, value in look("Is it?", "1066").items() if "near" not in name and name != "score")
