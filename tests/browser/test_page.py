"""The page in every state, in a real browser, over an assistant that can be made to reach them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from tests.fake_assistant import GUIDE, FakeAssistant, document, pdf_document

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> FakeAssistant:
    folder = tmp_path_factory.mktemp("page")
    handbook, path = pdf_document(folder / "handbook.pdf")
    guide = document("choosing-a-path.md", GUIDE, title="Choosing a path")
    return FakeAssistant(folder, [handbook, guide], {handbook.info.document_id: path})


@pytest.fixture(scope="module")
def address(assistant: FakeAssistant, serve: Callable[[Any], str]) -> str:
    from assistant.http.documents import documents_router
    from assistant.ui import mount

    app = FastAPI()
    app.include_router(documents_router(assistant))
    return serve(mount(app, assistant))


@pytest.fixture
def watched(address: str, open_page: Callable[..., Any], assistant: FakeAssistant) -> Iterator[Any]:
    assistant.threads.threads.clear()
    assistant.threads.infos.clear()
    return open_page(address)


def ask(page: Any, question: str, *, wait: bool = True) -> None:
    before = page.locator("article").count()
    page.fill("#ask", question)
    page.press("#ask", "Enter")
    if wait:
        page.wait_for_selector(f"article:nth-of-type({before + 1}) .answer:not(.draft)")


def test_the_first_page_says_what_it_is_and_its_questions_work(watched: Any) -> None:
    page = watched.page
    watched.shot("first")
    assert page.locator(".example").count() == 3
    page.click(".example >> nth=0")
    page.wait_for_selector(".answer.supported")
    watched.shot("answered")
    assert "nothing leaves this machine" in page.inner_text("#foot")


def test_a_citation_opens_the_passage_and_then_the_document_at_the_mark(watched: Any) -> None:
    page = watched.page
    ask(page, "weak point")
    page.click(".chip")
    assert page.inner_text("#evidence mark") == "24 months"
    assert "handbook.pdf p. 4" in page.inner_text("#evidence h3")
    watched.shot("evidence")
    with page.expect_popup() as popup:
        page.click("#evidence a.button")
    viewer = popup.value
    viewer.wait_for_load_state()
    viewer.screenshot(path=str(watched._shots / "pdf.png"))
    assert viewer.inner_text("mark") == "24 months"
    picture = viewer.locator("figure img")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 500")
    assert viewer.evaluate("document.querySelector('#here').getBoundingClientRect().top < innerHeight")
    page.press("body", "Escape")
    assert page.locator("#evidence").is_hidden()
    assert page.evaluate("document.activeElement.classList.contains('chip')"), "focus goes back where it came from"


def test_a_text_opens_scrolled_to_the_mark(watched: Any, assistant: FakeAssistant) -> None:
    text = "Line of text.\n" * 500 + "The needle." + "\nLine of text." * 500
    assistant.knowledge.stored["doc-hay"] = document("hay.txt", text, kind="text/plain")
    start = text.index("needle")
    page = watched.page.context.new_page()
    page.goto(f"{watched.page.url.split('?')[0]}documents/doc-hay?start={start}&end={start + 6}#here")
    box = page.locator("mark").bounding_box()
    del assistant.knowledge.stored["doc-hay"]
    assert box is not None
    assert 0 <= box["y"] <= 900


def test_weak_sentences_are_marked_and_explain_themselves(watched: Any) -> None:
    page = watched.page
    ask(page, "weak point")
    page.focus(".weak")
    watched.shot("weak")
    assert "wavy" in page.eval_on_selector(
        ".weak", "one => getComputedStyle(one).textDecorationLine + getComputedStyle(one).textDecorationStyle"
    )
    note = page.get_attribute(".weak", "aria-describedby")
    assert "sources" in page.text_content(f"#{note}")


def test_details_open_on_the_quiet_line(watched: Any) -> None:
    page = watched.page
    ask(page, "weak point")
    page.click(".behind > summary")
    watched.shot("details")
    text = page.inner_text(".behind")
    for part in ("86%", "2.1 s", "kept", "near the question", "answer_from_passages 1", "441 read", "fake:parrot"):
        assert part in text


def test_stop_stops_and_keeps_what_was_written(watched: Any, assistant: FakeAssistant) -> None:
    page = watched.page
    ask(page, "slow one", wait=False)
    page.wait_for_selector(".draft .text:not(:empty)")
    watched.shot("streaming")
    page.click("#stop")
    page.wait_for_selector(".answer.stopped")
    watched.shot("stopped")
    assert "stopped by you" in page.inner_text(".behind summary")
    assert "word1" in page.inner_text(".answer .text")
    assert len(page.inner_text(".answer .text").split()) < 399
    assert page.is_visible("#send")


def test_escape_stops_too(watched: Any) -> None:
    ask(watched.page, "slow one", wait=False)
    watched.page.wait_for_selector(".draft .text:not(:empty)")
    watched.page.press("#ask", "Escape")
    watched.page.wait_for_selector(".answer.stopped")


def test_a_reload_in_the_middle_watches_the_answer_on(watched: Any) -> None:
    page = watched.page
    ask(page, "slow one", wait=False)
    page.wait_for_selector(".draft .text:not(:empty)")
    page.reload()
    page.wait_for_selector(".draft .text:not(:empty)")
    assert "word1" in page.inner_text(".draft")
    page.click("#stop")
    page.wait_for_selector(".answer.stopped")


def test_streaming_leaves_a_reader_who_scrolled_up_alone(watched: Any) -> None:
    page = watched.page
    ask(page, "long")
    ask(page, "slow one", wait=False)
    page.wait_for_selector(".draft .text:not(:empty)")
    page.hover("#chat")
    page.mouse.wheel(0, -3000)
    page.wait_for_selector("#newest:visible")
    before = page.evaluate("document.querySelector('#chat').scrollTop")
    page.wait_for_function("document.querySelector('.draft').textContent.length > 300")
    assert page.evaluate("document.querySelector('#chat').scrollTop") == before
    page.click("#newest")
    left = (
        "(() => { const c = document.querySelector('#chat'); return c.scrollHeight - c.scrollTop - c.clientHeight })()"
    )
    assert page.evaluate(left) < 60
    page.click("#stop")
    page.wait_for_selector(".answer.stopped")


def test_another_path_takes_the_place_of_the_answer(watched: Any) -> None:
    page = watched.page
    ask(page, "Tell me")
    page.click(".tools .menu > summary")
    watched.shot("paths")
    page.click('.menu-items [data-path="zero_shot"]')
    page.wait_for_selector(".answer.unchecked")
    watched.shot("unchecked")
    assert page.locator("article").count() == 1
    assert "Just the model · not checked" in page.inner_text(".behind summary")


def test_edit_asks_again_and_replaces_what_came_after(watched: Any) -> None:
    page = watched.page
    ask(page, "First question")
    ask(page, "Second question")
    page.click('article >> nth=0 >> [data-do="edit"]')
    page.fill("form.edit textarea", "A better question")
    page.press("form.edit textarea", "Enter")
    watched.shot("sure")
    page.click("#sure-yes")
    page.wait_for_function("document.querySelectorAll('article').length === 1 && !document.querySelector('.draft')")
    assert page.inner_text(".asked") == "A better question"


def test_thumbs_and_their_comment_are_stored(watched: Any, assistant: FakeAssistant) -> None:
    page = watched.page
    ask(page, "Tell me")
    page.click('[data-vote="down"]')
    page.fill("form.comment textarea", "Too short.")
    watched.shot("comment")
    page.click("form.comment [type=submit]")
    page.wait_for_selector("form.comment", state="hidden")
    answer = page.get_attribute(".answer", "data-answer")
    assert (assistant.feedback.votes[answer].vote, assistant.feedback.votes[answer].comment) == ("down", "Too short.")
    page.reload()
    page.wait_for_selector('[data-vote="down"][aria-pressed="true"]')
    assert "Too short." in page.inner_text(".kept-comment")


def test_conversations_come_back_are_found_renamed_and_deleted(watched: Any) -> None:
    page = watched.page
    ask(page, "just about walruses")
    link = page.url
    page.click('.side [data-do="new"]')
    page.wait_for_selector(".empty")
    ask(page, "just about teapots")
    page.go_back()
    page.wait_for_selector(".asked:text('walruses')")
    page.go_forward()
    page.wait_for_selector(".asked:text('teapots')")
    page.goto(link)
    page.wait_for_selector(".asked:text('walruses')")
    page.fill("#search", "teapot")
    page.wait_for_function("document.querySelectorAll('.threads li').length === 1")
    page.fill("#search", "")
    page.wait_for_function("document.querySelectorAll('.threads li').length === 2")
    item = page.locator(".threads li", has_text="teapots")
    item.locator("summary").click()
    watched.shot("menu")
    item.get_by_text("Rename").click()
    page.fill(".threads input", "Kettles")
    page.press(".threads input", "Enter")
    page.wait_for_selector(".threads li a:text('Kettles')")
    item = page.locator(".threads li", has_text="Kettles")
    item.locator("summary").click()
    with page.expect_download() as download:
        item.get_by_text("Export as JSON").click()
    assert download.value.suggested_filename.endswith(".json")
    item.locator("summary").click()
    item.get_by_text("Delete").click()
    page.click("#sure-yes")
    page.wait_for_function("document.querySelectorAll('.threads li').length === 1")


def test_an_unknown_conversation_says_so_and_starts_anew(address: str, open_page: Callable[..., Any]) -> None:
    watched = open_page(f"{address}/?thread=nowhere")
    assert "not here any more" in watched.page.inner_text("#alert")
    watched.errors.clear()  # the browser itself reports the 404


def test_uploads_show_each_file_and_questions_go_on(watched: Any, assistant: FakeAssistant) -> None:
    page = watched.page
    files = [
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Notes on walruses."},
        {"name": "broken.pdf", "mimeType": "application/pdf", "buffer": b"broken"},
    ]
    page.set_input_files("#files", files)
    ask(page, "Tell me meanwhile")
    page.wait_for_selector("#tray .failed")
    page.wait_for_selector("#tray .done")
    watched.shot("upload")
    assert "It is no readable PDF" in page.inner_text("#tray")
    page.click('.side [data-do="documents"]')
    page.wait_for_selector(".library li")
    assert "notes.txt" in page.inner_text("#document-list")
    watched.shot("documents")
    page.click("li[data-document='doc-notes'] button")
    page.click("#sure-yes")
    page.wait_for_function("!document.querySelector(\"li[data-document='doc-notes']\")")
    assert "doc-notes" not in assistant.knowledge.stored


def test_an_error_says_what_to_do_and_can_be_tried_again(watched: Any) -> None:
    page = watched.page
    ask(page, "fail please")
    watched.shot("error")
    assert "Try again, or choose another model." in page.inner_text(".answer.failed")
    first = page.get_attribute("article", "data-question")
    page.click(".answer.failed [data-do='again']")
    page.wait_for_selector(f"article:not([data-question='{first}']) .answer.failed")
    assert page.locator("article").count() == 1


def test_a_refused_question_stays_in_the_box(watched: Any) -> None:
    page = watched.page
    ask(page, "refuse this", wait=False)
    page.wait_for_selector("#alert:not(:empty)")
    assert "Ask with at most 20,000." in page.inner_text("#alert")
    assert page.input_value("#ask") == "refuse this"
    watched.errors.clear()  # the browser itself reports the 400


def test_not_knowing_offers_what_to_do_next(watched: Any) -> None:
    page = watched.page
    ask(page, "unknown thing")
    watched.shot("abstained")
    assert page.locator(".nearest li").count() == 2
    page.click(".next [data-path='zero_shot']")
    page.wait_for_function("document.querySelector('.answer')?.dataset.path === 'zero_shot'")


def test_nothing_a_model_writes_runs_or_loads(watched: Any) -> None:
    ask(watched.page, "evil <img src=x onerror=alert(1)>")
    watched.shot("hostile")
    assert "owned" not in watched.page.title()
    assert watched.page.locator(".turn img, .turn script, .turn iframe").count() == 0


@pytest.mark.parametrize("kind", ["code", "table", "arabic", "quote", "notice", "long"])
def test_every_kind_of_answer_fits_the_page(watched: Any, kind: str) -> None:
    ask(watched.page, kind)
    watched.shot(kind)
    wide = "(() => { const c = document.querySelector('#chat'); return c.scrollWidth - c.clientWidth })()"
    assert watched.page.evaluate(wide) <= 0


@pytest.mark.parametrize(
    ("size", "scheme"), [("phone", "light"), ("phone", "dark"), ("tablet", "dark"), ("wide", "dark")]
)
def test_it_fits_every_screen_in_every_light(
    address: str, open_page: Callable[..., Any], size: str, scheme: str
) -> None:
    watched = open_page(address, size, scheme)
    page = watched.page
    watched.shot(f"{size}-{scheme}-first")
    ask(page, "weak point")
    watched.shot(f"{size}-{scheme}-answer")
    page.click(".chip")
    watched.shot(f"{size}-{scheme}-evidence")
    page.press("body", "Escape")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    ground = page.evaluate("getComputedStyle(document.querySelector('#app')).backgroundColor")
    light = sum(int(part) for part in re.findall(r"\d+", ground)[:3]) > 3 * 128
    assert light == (scheme == "light")


def test_conversations_are_a_drawer_on_the_phone(address: str, open_page: Callable[..., Any]) -> None:
    watched = open_page(address, "phone")
    page = watched.page
    ask(page, "just ask")
    assert not page.is_visible("#threads")
    page.click('.top [data-do="side"]')
    page.wait_for_selector("#threads li:visible")
    watched.shot("phone-drawer")
    page.click("#threads li a >> nth=0")
    page.wait_for_selector("#threads", state="hidden")


def test_the_keyboard_alone_is_enough(watched: Any) -> None:
    page = watched.page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    page.keyboard.type("just one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two lines")
    page.keyboard.press("Enter")
    page.wait_for_selector(".answer.unchecked")
    assert page.inner_text(".asked") == "just one\ntwo lines"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    assert page.is_visible("#keys[open]")
    watched.shot("keys")
    page.keyboard.press("Escape")
    assert page.locator("#keys[open]").count() == 0
    page.keyboard.press("n")
    page.wait_for_selector(".empty")


def test_the_answer_is_announced_to_who_cannot_see_it(watched: Any) -> None:
    ask(watched.page, "Tell me")
    watched.page.wait_for_function("document.querySelector('#announce').textContent.includes('supported')")
    assert watched.page.get_attribute("#status", "aria-live") == "polite"
