"""The document viewer."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant.http.documents import documents_router
from assistant.knowledge.loaders.worker import Worker
from assistant.knowledge.types import Page, StoredDocument
from tests.fake_assistant import FakeAssistant, document, pdf_document

TEXT = "First line.\n<script>alert(1)</script>\nThe warranty lasts 24 months from delivery."


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> tuple[StoredDocument, Path]:
    return pdf_document(tmp_path_factory.mktemp("pdf") / "handbook.pdf")


@pytest.fixture
def client(tmp_path: Path, handbook: tuple[StoredDocument, Path]) -> Iterator[TestClient]:
    stored, path = handbook
    notes = document("notes.txt", TEXT, title='Notes "><script>alert(2)</script>', kind="text/plain")
    original = tmp_path / "sha"
    original.write_text(TEXT)
    evil = document('e"\r\nx: y<b>.html', "text", kind="text/html")
    originals = {notes.info.document_id: original, stored.info.document_id: path, evil.info.document_id: original}
    app = FastAPI()
    app.include_router(documents_router(FakeAssistant(tmp_path, [notes, stored, evil], originals)))
    with TestClient(app) as client:
        yield client


def span(of: str, text: str) -> dict[str, int]:
    return {"start": text.index(of), "end": text.index(of) + len(of)}


def test_the_span_is_marked_and_scrolled_to(client: TestClient) -> None:
    html = client.get("/documents/doc-notes", params=span("24 months", TEXT)).text
    assert '<mark id="here">24 months</mark> from delivery.' in html


def test_text_and_title_are_shown_as_text(client: TestClient) -> None:
    html = client.get("/documents/doc-notes", params=span("script", TEXT)).text
    assert "<script" not in html
    assert "&lt;<mark" in html


@pytest.mark.parametrize(
    "wrong", [{"start": -5, "end": 10**9}, {"start": 50, "end": 2}, {"start": 10**9, "end": 10**9}]
)
def test_offsets_outside_the_text_do_no_harm(client: TestClient, wrong: dict[str, int]) -> None:
    assert client.get("/documents/doc-notes", params=wrong).status_code == 200


def test_no_script_may_run_in_the_viewer(client: TestClient) -> None:
    headers = client.get("/documents/doc-notes").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_the_original_is_saved_and_never_shown(client: TestClient) -> None:
    response = client.get("/documents/doc-notes/original")
    assert response.text == TEXT
    assert response.headers["content-disposition"] == "attachment; filename*=UTF-8''notes.txt"
    assert response.headers["content-type"] == "application/octet-stream"


def test_a_hostile_file_name_stays_in_its_header(client: TestClient) -> None:
    response = client.get("/documents/doc-e%22%0D%0Ax: y<b>/original")
    assert response.status_code == 200
    assert "x" not in response.headers
    assert response.headers["content-disposition"].endswith("e%22%0D%0Ax%3A%20y%3Cb%3E.html")


def test_an_unknown_document_says_so(client: TestClient) -> None:
    response = client.get("/documents/nothing")
    assert response.status_code == 404
    assert "There is no document" in response.text


def test_a_pdf_opens_at_the_page_of_the_span(client: TestClient, handbook: tuple[StoredDocument, Path]) -> None:
    wanted = span("24 months", handbook[0].text)
    html = client.get("/documents/doc-handbook", params=wanted).text
    assert f"/pages/4?start={wanted['start']}&amp;end={wanted['end']}" in html
    assert "<mark>24 months</mark>" in html


def test_the_picture_of_a_page_marks_the_span(client: TestClient, handbook: tuple[StoredDocument, Path]) -> None:
    from PIL import Image, ImageChops

    wanted = span("24 months", handbook[0].text)
    plain = client.get("/documents/doc-handbook/pages/4")
    marked = client.get("/documents/doc-handbook/pages/4", params=wanted)
    assert marked.headers["content-type"] == "image/png"
    before, after = (Image.open(io.BytesIO(one.content)).convert("RGB") for one in (plain, marked))
    left, top, right, bottom = ImageChops.difference(before, after).getbbox() or (0, 0, 0, 0)
    assert 0 < right - left < before.width / 3, "two words, not a line"
    assert 0 < bottom - top < before.height / 20, "one line, not a paragraph"
    assert top < before.height / 3, "where the words stand on the page"


def test_a_page_that_is_not_there_says_so(client: TestClient) -> None:
    assert client.get("/documents/doc-handbook/pages/99").status_code == 404
    assert client.get("/documents/doc-notes/pages/1").status_code == 404


def harmful(page: bytes) -> bytes:
    """A PDF of one page with these entries and this drawing; its cross references are left to be mended."""
    box, _, drawing = page.partition(b"|")
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox" + box + b">>",
        b"<</Length %d>>stream\n" % len(drawing) + drawing + b"\nendstream",
    ]  # fmt: skip
    objects = b"".join(b"%d 0 obj%s endobj\n" % (number, part) for number, part in enumerate(parts, start=1))
    return b"%PDF-1.7\n" + objects + b"trailer<</Root 1 0 R/Size 5>>\n%%EOF"


SQUARE = b"0 0 1000 1000 re f*\n"


@pytest.mark.parametrize(
    ("page", "drawn"),
    [
        pytest.param(b"[0 0 2000000 2000000]|" + SQUARE, True, id="as large as a town"),
        pytest.param(b"[0 0 2000000 1]|" + SQUARE, True, id="as long as a road"),
        pytest.param(b"[0 0 4000 4000]|" + b"0 0 m 9 9 l 1 w [.001 .001] 0 d\n0 0 m 1000000 1000000 l S\n" * 20_000,
                     False, id="dashes without end"),
    ],
)  # fmt: skip
def test_a_page_made_to_do_harm_costs_its_picture_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: bytes, drawn: bool
) -> None:
    import os

    import psutil

    if not drawn:  # it never ends: a short patience does as well
        monkeypatch.setattr("assistant.http.pdf_pictures.Worker", lambda: Worker(seconds=0.5))
    path = tmp_path / "harm.pdf"
    path.write_bytes(harmful(page))
    harm = document("harm.pdf", "words", kind="application/pdf", pages=(Page(1, 0, 5),))
    app = FastAPI()
    app.include_router(documents_router(FakeAssistant(tmp_path, [harm], {harm.info.document_id: path})))
    before = psutil.Process(os.getpid()).memory_info().rss
    with TestClient(app) as client:
        shown = client.get("/documents/doc-harm", params={"start": 0, "end": 5})
        picture = client.get("/documents/doc-harm/pages/1")

    assert shown.status_code == 200
    assert (picture.status_code == 200) is drawn
    if not drawn:
        assert "harm.pdf" in picture.text
    assert psutil.Process(os.getpid()).memory_info().rss - before < 100 * 2**20, "the service itself drew it"
