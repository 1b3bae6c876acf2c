"""Plain looks at the words beside the reader's network."""

from __future__ import annotations

from training.reader.looks import LOOKS, looks

PASSAGE = "The abbey was founded in 1066 by Mary Brown. Its tower was added later, in 1204, by monks from Lyon."


def look(question: str, answer: str) -> dict[str, float]:
    start = PASSAGE.index(answer)
    return dict(zip(LOOKS, looks(question, PASSAGE, start, start + len(answer)), strict=True))


def test_a_question_the_passage_covers_misses_nothing() -> None:
    assert look("When was the abbey founded by Mary Brown?", "1066") == {
        "missing": 0.0,
        "names_missing": 0.0,
        "far": 0.0,
        "repeated": 0.0,
    }


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
    assert look("Is it?", "1066") == dict.fromkeys(LOOKS, 0.0)
