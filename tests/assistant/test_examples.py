from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assistant.examples import Examples, NewExample, read_examples
from graphs.answer import Answer, Citation, RouteDecision
from graphs.errors import NotFoundError, UsageError
from graphs.examples import pick
from tests.assistant.home_fakes import MemoryStore

AXES = ("card", "lost", "hello", "rain", "stolen", "umbrella", "morning")


class Axes:
    """A text's vector counts a few words, one to each axis."""

    name = "axes"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        counts = np.array([float(word in text.lower()) for word in AXES]) + 0.01
        return [float(value) for value in counts / np.linalg.norm(counts)]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def examples(tmp_path: Path, store: MemoryStore) -> Iterator[Examples]:
    from assistant.config import Settings
    from assistant.database import open_database

    engine = open_database(Settings(home=tmp_path))
    knowledge: Any = SimpleNamespace(store=store, embeddings=Axes())
    yield Examples(engine, lambda: knowledge)
    engine.dispose()


def sort(text: str, label: str) -> NewExample:
    return NewExample(task="classify", input=text, output=label)


def test_the_nearest_examples_of_the_task_are_found_the_nearest_last(examples: Examples) -> None:
    rows = [sort("I lost my card", "card"), sort("hello", "greeting"), sort("will it rain", "weather")]
    examples.add([*rows, NewExample(task="sentiment", input="lost card", output="negative")])
    found = examples.find("classify", "my card is lost", 2)
    assert [example.output for example in found][-1] == "card"
    assert {example.task for example in found} == {"classify"}


def test_only_examples_with_a_label_asked_for_are_shown(examples: Examples) -> None:
    examples.add([sort("I lost my card", "card"), sort("hello", "greeting")])
    assert [e.output for e in examples.find("classify", "card lost", 5, ["greeting", "weather"])] == ["greeting"]


def test_examples_of_every_label_decide_by_themselves(examples: Examples) -> None:
    examples.add([sort("I lost my card", "card"), sort("my card is gone", "card")])
    examples.add([sort("hello", "greeting"), sort("hello there", "greeting")])
    voted = examples.vote("classify", "the card I lost", ["greeting", "card"], 2)
    assert voted is not None
    assert (voted.label, voted.voters, len(voted.examples)) == ("card", 4, 2)
    assert voted.lead > 0


def test_examples_that_lack_a_label_decide_nothing(examples: Examples) -> None:
    examples.add([sort("I lost my card", "card"), sort("my card is gone", "card"), sort("hello", "greeting")])
    assert examples.vote("classify", "the card I lost", ["greeting", "card"], 2) is None


def test_two_examples_that_say_the_same_count_once() -> None:
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    asked = np.array([1, 0, 0], dtype=np.float32)
    assert [index for index, _ in pick(asked, vectors, 3)] == [2, 0]


def test_the_same_text_again_replaces_its_example(examples: Examples) -> None:
    examples.add([sort("hello", "wrong")])
    examples.add([sort(" hello ", "greeting")])
    assert [example.output for example in examples.list()] == ["greeting"]


def test_a_removed_example_is_found_no_more(examples: Examples, store: MemoryStore) -> None:
    examples.add([sort("hello", "greeting")])
    examples.remove([examples.list()[0].example_id])
    assert examples.find("classify", "hello", 1) == []
    assert not any(store.held.values())
    with pytest.raises(NotFoundError, match="abc"):
        examples.remove(["abc"])


def test_an_unknown_task_is_refused(examples: Examples) -> None:
    with pytest.raises(UsageError, match="dance"):
        examples.add([NewExample(task="dance", input="a", output="b")])


def answer(**changes: Any) -> Answer:
    route = RouteDecision(path="zero_shot", reason="", confidence=1)
    return Answer(**{"text": "greeting", "route": route, "answer_id": "a1", "task": "classify", **changes})


def test_a_good_answer_to_a_task_becomes_an_example_and_a_bad_vote_takes_it_back(examples: Examples) -> None:
    assert examples.learn("Classify as greeting or card: hello", answer(), "vote")
    assert [(e.input, e.output, e.origin) for e in examples.list()] == [("hello", "greeting", "vote")]
    assert examples.unlearn("a1") == 1
    assert examples.list() == []


def test_what_stands_in_documents_becomes_no_example(examples: Examples) -> None:
    place = {"chunk_id": "c", "document_id": "d", "source": "s", "title": "t", "page": None, "start": 0, "end": 1}
    cited = answer(task="", citations=[Citation(marker="[1]", snippet="x", score=1.0, **place)])
    assert not examples.learn("How long?", cited, "vote")
    assert not examples.learn("Hello", answer(abstained=True), "vote")
    assert examples.list() == []


def test_a_file_of_examples_names_the_line_at_fault(tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    file.write_text('{"input": "hello", "target": ["greeting"]}\n{"input": "x"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="line 2"):
        read_examples(file, "classify")
    file.write_text('{"input": "hello", "target": ["greeting"]}\n', encoding="utf-8")
    assert [example.output for example in read_examples(file, "classify")] == ["greeting"]
