"""The whole application in a real browser: real graph, store, loaders and conversations; only the models are fakes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from assistant.config import Settings
from tests.fake_assistant import pdf_document

pytestmark = pytest.mark.browser

QUESTION = "For how many months is the appliance covered from the date of delivery?"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    pytest.importorskip("chromadb", reason="no Chroma: install the extra `chroma`")
    return Settings(
        home=tmp_path_factory.mktemp("whole") / "home",
        models={"chat": "fake:reader?delay=0.02", "embedding": "fake:words"},
        store={"kind": "chroma"},
    )


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Any]:
    from assistant.app import open_assistant

    with open_assistant(settings, warm=True) as assistant:
        yield assistant


@pytest.fixture(scope="module")
def assistant(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened(settings) as assistant:
        yield assistant


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pdf_document(tmp_path_factory.mktemp("files") / "handbook.pdf")[1]


@pytest.fixture(scope="module")
def address(assistant: Any, serve: Callable[[Any], str]) -> str:
    from assistant.http.application import build_application

    return serve(build_application(assistant, "a token nobody guesses"))


@pytest.fixture
def watched(address: str, open_page: Callable[..., Any]) -> Any:
    watched = open_page(address)
    watched.page.wait_for_selector(".example")
    return watched


def ask(page: Any, question: str) -> None:
    before = page.locator("article").count()
    page.fill("#ask", question)
    page.press("#ask", "Enter")
    page.wait_for_selector(f"article:nth-of-type({before + 1}) .answer:not(.draft)")


def upload(page: Any, *files: Any) -> None:
    page.set_input_files("#files", list(files))
    page.wait_for_selector(
        f"#upload-list .upload >> nth=-1 >> :is(.done, .unchanged, .failed) >> nth={len(files) - 1}", state="attached"
    )


def test_a_pdf_goes_in_is_asked_about_and_opens_at_the_answer(watched: Any, assistant: Any, handbook: Path) -> None:
    page = watched.page
    corrupt = handbook.with_name("corrupt.pdf")
    corrupt.write_bytes(b"%PDF-1.7 nothing behind it")
    upload(page, str(handbook), str(corrupt))
    watched.shot("whole-upload")
    assert "corrupt.pdf" in page.inner_text("#tray .failed")
    ask(page, QUESTION)
    watched.shot("whole-answer")
    assert "24 months" in page.inner_text(".answer .text")
    page.click(".chip >> nth=0")
    assert "24 months" in page.inner_text("#evidence mark")
    link = urlsplit(page.get_attribute("#evidence a.button", "href"))
    span = {name: int(value[0]) for name, value in parse_qs(link.query).items()}
    stored = assistant.knowledge.document(link.path.removeprefix("documents/"))
    assert stored.text[span["start"] : span["end"]] == page.inner_text("#evidence mark")
    with page.expect_popup() as popup:
        page.click("#evidence a.button")
    viewer = popup.value
    viewer.wait_for_load_state()
    assert "page 4 of 5" in viewer.inner_text(".about")
    assert viewer.locator("figure img").evaluate("image => image.naturalWidth > 500")
    with viewer.expect_download() as download:
        viewer.click("text=Download the original")
    assert download.value.suggested_filename == "handbook.pdf"
    assert download.value.path().read_bytes() == handbook.read_bytes()


def test_arithmetic_is_calculated(watched: Any) -> None:
    ask(watched.page, "What is 17 × 23?")
    assert "391" in watched.page.inner_text(".answer .text")
    assert "With a tool" in watched.page.inner_text(".behind summary")


def test_another_path_edit_and_thumbs_are_stored(watched: Any, assistant: Any, handbook: Path) -> None:
    page = watched.page
    upload(page, str(handbook))
    ask(page, QUESTION)
    page.click(".tools .menu > summary")
    page.click('.menu-items [data-path="zero_shot"]')
    page.wait_for_selector('.answer[data-path="zero_shot"]')
    page.click('[data-do="edit"]')
    page.fill("form.edit textarea", "What is 6 * 7?")
    page.click("form.edit [type=submit]")
    page.wait_for_selector('.answer[data-path="tools"], .answer[data-path="zero_shot"]:not(:has-text("appliance"))')
    page.click('[data-vote="up"]')
    page.fill("form.comment textarea", "Quick.")
    page.click("form.comment [type=submit]")
    page.wait_for_selector("form.comment", state="hidden")
    vote = assistant.feedback.get(page.get_attribute(".answer", "data-answer"))
    assert (vote.vote, vote.comment) == ("up", "Quick.")
    thread = parse_qs(urlsplit(page.url).query)["thread"][0]
    assert [turn.question for turn in assistant.threads.turns(thread)] == ["What is 6 * 7?"]


def test_stop_stops_a_real_run_and_keeps_what_was_written(watched: Any, assistant: Any) -> None:
    page = watched.page
    page.fill("#ask", "Write about " + "many words " * 300)
    page.press("#ask", "Enter")
    page.wait_for_selector(".draft .text:not(:empty)")
    page.click("#stop")
    page.wait_for_selector(".answer.stopped")
    thread = parse_qs(urlsplit(page.url).query)["thread"][0]
    answer = assistant.threads.turns(thread)[-1].answer
    assert answer.stopped
    assert answer.text
    assert len(answer.text.split()) < 300


def test_a_model_that_fails_is_an_error_never_an_answer(watched: Any, assistant: Any, monkeypatch: Any) -> None:
    page = watched.page
    page.evaluate("document.querySelector('#model').append(new Option('failing', 'fake:fail-timeout'))")
    page.select_option("#model", "fake:fail-timeout")
    ask(page, "Tell me a story about rivers.")
    watched.shot("whole-error")
    assert page.get_attribute(".answer.failed", "data-error") == "timeout"
    page.select_option("#model", index=0)


def test_what_no_document_answers_is_not_invented(watched: Any, handbook: Path) -> None:
    page = watched.page
    upload(page, str(handbook))
    page.select_option("#path", "rag")
    ask(page, "Who was the first queen of Madagascar?")
    watched.shot("whole-abstained")
    assert page.locator(".answer.abstained").count() == 1


def test_conversations_survive_a_restart_of_the_service(
    settings: Settings, watched: Any, assistant: Any, open_page: Callable[..., Any], serve: Callable[[Any], str]
) -> None:
    from assistant.http.application import build_application

    page = watched.page
    ask(page, "What is 40 + 2?")
    query = urlsplit(page.url).query
    with opened(settings) as second:
        again = open_page(f"{serve(build_application(second, 'another token'))}/?{query}")
        assert "42" in again.page.inner_text(".answer .text")
        assert again.page.locator('.threads [aria-current="page"]').count() == 1
        again.page.goto("about:blank")
