"""Grading in a real browser, by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from assistant.config import Settings
from assistant.database import open_database
from assistant.feedback import Feedback
from assistant.grades.grading import Grading
from assistant.grades.log import add_answer
from graphs.answer import (
    Answer,
    Citation,
    Evidence,
    Grounding,
    Passage,
    RouteDecision,
    SentenceSupport,
)
from tests.fake_assistant import EVIL, FakeAssistant

pytestmark = pytest.mark.browser
PASSAGE = "Warranty. The appliance is covered for 24 months from the date of delivery. Repairs extend it by six."
SAID = "The warranty lasts 24 months [1]. It was invented by seven people."


def _answer(answer_id: str, path: Any = "rag", text: str = SAID) -> Answer:
    passage = Passage(
        chunk_id="c1", document_id="d1", source="/library/handbook.pdf", title="Handbook", text=PASSAGE, start=0,
        end=len(PASSAGE), page=4, heading="Warranty › Duration",
    )  # fmt: skip
    snippet = "The appliance is covered for 24 months from the date of delivery."
    start = PASSAGE.index(snippet)
    cited = Citation(
        marker="[1]", chunk_id="c1", document_id="d1", source=passage.source, title="Handbook", page=4, start=start,
        end=start + len(snippet), snippet=snippet, score=0.9,
    )  # fmt: skip
    cut = text.index(".") + 1 if "." in text else len(text)
    sentences = [
        SentenceSupport(text=text[:cut], start=0, end=cut, score=0.9, supported=True),
        SentenceSupport(text=text[cut + 1 :], start=cut + 1, end=len(text), score=0.1, supported=False),
    ]
    return Answer(
        text=text,
        route=RouteDecision(path=path, reason="r", confidence=0.9),
        citations=[cited],
        grounding=Grounding(score=0.5, label="partly", sentences=sentences),
        answer_id=answer_id,
        thread_id="t",
        model="parrot",
        evidence=[Evidence(passage=passage, kept=True, why="answers")],
    )


class _NoRouter:
    def forget(self, answer_id: str = "") -> None:
        pass


class _NoExamples:
    def learn(self, *_: object) -> bool:
        return False

    def unlearn(self, _: str) -> int:
        return 0


@pytest.fixture
def grading(tmp_path: Path) -> Iterator[Grading]:
    settings = Settings(home=tmp_path / "home", cache=tmp_path)
    settings.home.mkdir()
    engine = open_database(settings)
    made = Grading(engine, settings, Feedback(engine))
    with engine.begin() as connection:
        add_answer(connection, "How long is the warranty?", _answer("one"))
        add_answer(connection, f"And repairs? {EVIL}", _answer("two", text=f"Six months. {EVIL}"))
    yield made
    engine.dispose()


@pytest.fixture
def address(grading: Grading, tmp_path: Path, serve: Callable[[Any], str]) -> str:
    from assistant.ui import mount

    fake: Any = FakeAssistant(tmp_path, [])
    fake.grading, fake.examples, fake.router = grading, _NoExamples(), _NoRouter()
    return serve(mount(FastAPI(), fake))


def _open(open_page: Callable[..., Any], address: str, size: str = "wide", scheme: str = "light") -> Any:
    watched = open_page(address, size, scheme)
    watched.page.click(".tabs a >> text=Grade")
    watched.page.wait_for_selector("#grade")
    return watched


def _graded(grading: Grading) -> dict[str, dict[str, int]]:
    return {grade.answer_id: grade.scores for grade, _ in grading.store.current()}


def test_a_grade_takes_four_keys_and_the_next_answer_comes(
    address: str, grading: Grading, open_page: Callable[..., Any]
) -> None:
    page = _open(open_page, address).page
    first = page.get_attribute("#grade", "data-answer")
    for key in ("p", "Space", "5", "4", "3"):
        page.keyboard.press(key)
    assert "needed is missing" in page.inner_text("#anchor")
    page.keyboard.press("Enter")
    page.wait_for_function("id => document.getElementById('grade')?.dataset.answer !== id", arg=first)
    assert _graded(grading) == {first: {"correct": 5, "supported": 4, "complete": 3}}
    assert [grade.right_sources for grade, _ in grading.store.current()] == [["c1"]]
    assert page.title() == "Grade – Crossroads"  # nothing in a question or an answer ran
    page.wait_for_function("document.activeElement.id === 'area'")
    page.keyboard.press("u")
    page.wait_for_function("id => document.getElementById('grade')?.dataset.answer === id", arg=first)
    assert _graded(grading) == {}


def test_an_unfinished_grade_is_refused_and_survives_a_reload(address: str, open_page: Callable[..., Any]) -> None:
    watched = _open(open_page, address)
    page = watched.page
    page.keyboard.press("2")
    page.keyboard.press("b")
    page.keyboard.type("It lasts two years.")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('anchor').textContent.includes('missing for')")
    watched.errors.clear()  # the browser reports the refusal
    page.reload()
    page.wait_for_selector("#grade fieldset.now")
    assert page.is_checked("input[name=correct][value='2']")
    assert page.input_value("[name=better]") == "It lasts two years."


def test_skipping_and_not_knowing_leave_no_scores(
    address: str, grading: Grading, open_page: Callable[..., Any]
) -> None:
    page = _open(open_page, address).page
    first = page.get_attribute("#grade", "data-answer")
    page.keyboard.press("s")
    page.wait_for_function("id => document.getElementById('grade')?.dataset.answer !== id", arg=first)
    page.wait_for_function("document.activeElement.id === 'area'")
    page.keyboard.press("k")
    page.wait_for_selector("text=Nothing is left to grade")
    assert sorted(grade.outcome for grade, _ in grading.store.current()) == ["skipped", "unknown"]


def test_gold_and_weights_are_set_where_everybody_sees_them(
    address: str, grading: Grading, open_page: Callable[..., Any]
) -> None:
    watched = _open(open_page, address)
    page = watched.page
    for key in ("5", "5", "4"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_selector(".people")
    page.click(".people summary")
    page.click("text=Make my last grade gold")
    page.wait_for_function("document.querySelector('.people[open]')?.innerText.includes('Gold grades: 1')")
    assert len(grading.graders.gold()) == 1
    page.once("dialog", lambda dialog: dialog.accept("a trial"))
    page.click("[data-do=weigh]")
    page.wait_for_selector("text=Take in again")
    assert grading.graders.weights() == {"me": 0.0}
    watched.shot("grade-people")
    assert "not: a trial" in page.inner_text(".people")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: install the `dev` group")
    found = axe.Axe().run(page, context="#area").response["violations"]
    assert [(one["id"], one["impact"]) for one in found if one["impact"] in ("serious", "critical")] == []


def test_two_answers_are_compared_without_their_makers_names(
    address: str, grading: Grading, open_page: Callable[..., Any]
) -> None:
    with grading.log._engine.begin() as connection:
        add_answer(connection, "How long is the warranty?", _answer("three", "zero_shot", "Two years. I think."))
    watched = open_page(address)
    page = watched.page
    page.click(".tabs a >> text=Grade")
    page.click("text=Two side by side")
    page.wait_for_selector("#pair")
    watched.shot("grade-pair")
    assert "parrot" not in page.inner_text("#area")
    page.keyboard.press("1")
    page.wait_for_selector("text=There is nothing to compare")
    assert [comparison.choice for comparison, *_ in grading.store.comparisons()] == ["first"]


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("tablet", "dark"), ("phone", "light")])
def test_the_page_for_graders_fits_and_is_accessible(
    size: str, scheme: str, address: str, open_page: Callable[..., Any]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: install the `dev` group")
    watched = _open(open_page, address, size, scheme)
    watched.shot(f"grade-{size}-{scheme}")
    assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = axe.Axe().run(watched.page, context="#area").response["violations"]
    assert [(one["id"], one["impact"]) for one in found if one["impact"] in ("serious", "critical")] == []
