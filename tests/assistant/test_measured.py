"""What paths lately took: looked up once, kept up in memory."""

from __future__ import annotations

from assistant.measured import MEASURED_TURNS, Measured
from graphs.answer import Path


def test_turns_move_the_medians_without_another_look() -> None:
    looked: list[Path] = []

    def latest(path: Path) -> list[tuple[float, float]]:
        looked.append(path)
        return [(3.0, 0.0), (1.0, 0.0), (2.0, 0.0)] if path == "rag" else []

    measured = Measured(latest)
    assert measured.expected()["rag"].seconds == 2.0
    assert set(measured.expected()) == {"rag"}
    measured.took("rag", 4.0, 0.5)
    measured.took("rag", 0.0, 0.0)  # stopped, or given again: it says nothing
    measured.took("zero_shot", 7.0, 0.0)
    found = measured.expected()
    assert (found["rag"].seconds, found["rag"].cost_usd, found["zero_shot"].seconds) == (2.5, 0.0, 7.0)
    assert looked.count("rag") == 1


def test_only_the_latest_turns_count() -> None:
    measured = Measured(lambda _: [])
    measured.expected()
    for seconds in (9.0, *[1.0] * MEASURED_TURNS):
        measured.took("rag", seconds, 0.0)
    assert measured.expected()["rag"].seconds == 1.0
