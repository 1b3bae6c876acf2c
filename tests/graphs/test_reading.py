"""What a search found is read by the trained reader and by meaning together."""

from __future__ import annotations

from collections.abc import Sequence

from graphs.answer import Passage
from graphs.context import Reading
from graphs.reading import read_by_meaning, read_found
from tests.graphs.conftest import WordEncoder

QUESTION = "How long does the warranty last?"
TEXTS = (
    "The warranty does last 24 months.", "Rain fell all day.", "A warranty is a promise.", "How long is the river?",
    "The last train leaves at noon.", "Nothing is said of it here.",
)  # fmt: skip


class Sure:
    """A reader that gives every passage the same chance, and notes what it was asked to read."""

    def __init__(self, chance: float, text: str = "24 months") -> None:
        self.chance, self.text = chance, text
        self.asked: list[str] = []

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        self.asked += passages
        spans = [(passage.find(self.text), self.text if self.text in passage else "") for passage in passages]
        return [
            Reading(answerable=self.chance, start=max(at, 0), end=max(at, 0) + len(text), text=text)
            for at, text in spans
        ]


def passages() -> list[Passage]:
    return [
        Passage(chunk_id=str(n), document_id="d", source="s", title="", text=text, start=0, end=len(text))
        for n, text in enumerate(TEXTS)
    ]


def test_the_reader_reads_the_passages_nearest_in_meaning() -> None:
    reader = Sure(0.9)
    found = read_found(QUESTION, passages(), WordEncoder(), reader)
    alone = read_by_meaning(QUESTION, passages(), WordEncoder())
    order = sorted(range(len(TEXTS)), key=lambda at: -alone[at].answerable)
    assert sorted(reader.asked) == sorted(TEXTS[at] for at in order[:4])
    assert all(found[at].answerable <= alone[order[3]].answerable for at in order[4:])


def test_both_readings_weigh_and_a_sure_reader_names_the_span() -> None:
    near = read_by_meaning(QUESTION, passages(), WordEncoder())[0]
    sure = read_found(QUESTION, passages(), WordEncoder(), Sure(0.95))[0]
    unsure = read_found(QUESTION, passages(), WordEncoder(), Sure(0.05))[0]
    assert unsure.answerable < near.answerable
    assert unsure.answerable < 0.5 < sure.answerable
    assert (sure.text, TEXTS[0][sure.start : sure.end]) == ("24 months", "24 months")
    assert (unsure.text, unsure.start, unsure.end) == (near.text, near.start, near.end)


def test_a_sure_reader_without_words_leaves_the_span_to_meaning() -> None:
    found = read_found(QUESTION, passages(), WordEncoder(), Sure(0.95, text="not there"))[0]
    assert found.text == read_by_meaning(QUESTION, passages(), WordEncoder())[0].text


def test_nothing_found_is_nothing_read() -> None:
    assert read_found(QUESTION, [], WordEncoder(), Sure(0.9)) == []
