"""Calls of several threads that come while one runs are done in one pass, and each gets its own results."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from assistant.knowledge.recent import RecentVectors
from assistant.knowledge.types import Vectors
from assistant.together import Together


class Counting:
    """Doubles numbers; the first pass waits until the others are queued."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.go = threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.passes.append(list(numbers))
        if len(self.passes) == 1:
            self.go.wait(5)
        if -1 in numbers:
            raise ValueError("minus one")
        return [2 * number for number in numbers]


def run_together(work: Counting, calls: Sequence[Sequence[int]]) -> dict[int, object]:
    """Results of each call: the first runs while all others come."""
    together = Together(work, passes=1, most=4)
    found: dict[int, object] = {}

    def call(at: int) -> None:
        try:
            found[at] = list(together.run(calls[at]))
        except ValueError as error:
            found[at] = error

    threads = [threading.Thread(target=call, args=(at,)) for at in range(len(calls))]
    threads[0].start()
    while not work.passes:
        pass
    for thread in threads[1:]:
        thread.start()
    while len(together._waiting) < len(calls) - 1:
        pass
    work.go.set()
    for thread in threads:
        thread.join(5)
    return found


def test_what_waits_goes_into_one_pass() -> None:
    work = Counting()
    assert run_together(work, [[1], [2], [3], [4]]) == {0: [2], 1: [4], 2: [6], 3: [8]}
    assert [sorted(numbers) for numbers in work.passes] == [[1], [2, 3, 4]]


def test_a_pass_has_an_end() -> None:
    work = Counting()
    run_together(work, [[1], [2, 2], [3, 3], [4, 4]])
    assert [len(numbers) for numbers in work.passes] == [1, 4, 2]


def test_a_failure_reaches_everyone_in_the_pass_and_nobody_else() -> None:
    found = run_together(Counting(), [[1], [-1]])
    assert found[0] == [2]
    assert isinstance(found[1], ValueError)


def test_a_large_call_runs_by_itself() -> None:
    work = Counting()
    work.go.set()
    assert Together(work, passes=1, most=2).run([1, 2, 3]) == [2, 4, 6]


class Lengths:
    """Each text's length as its vector."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.array([[float(len(text))] for text in texts], dtype=np.float32)


def test_only_new_texts_are_embedded() -> None:
    model = Lengths()
    recent = RecentVectors(model)
    assert recent.embed(["a", "bb", "a"]).tolist() == [[1.0], [2.0], [1.0]]
    assert recent.embed(["bb", "ccc"]).tolist() == [[2.0], [3.0]]
    assert model.asked == ["a", "bb", "ccc"]


def test_the_text_longest_unused_is_embedded_again() -> None:
    model = Lengths()
    recent = RecentVectors(model, most=2)
    for text in ("a", "bb", "a", "ccc", "bb"):
        recent.embed([text])
    assert model.asked == ["a", "bb", "ccc", "bb"]


@pytest.mark.parametrize("count", [0, 513])
def test_no_text_and_very_many_pass_through(count: int) -> None:
    model = Lengths()
    recent = RecentVectors(model)
    texts = [str(number) for number in range(count)]
    assert recent.embed(texts).shape[0] == count
    recent.embed(texts)
    assert len(model.asked) == 2 * count
