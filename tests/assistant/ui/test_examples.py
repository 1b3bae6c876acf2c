"""The first questions work on what is loaded."""

from __future__ import annotations

import json
from pathlib import Path

from assistant.ui.examples import OWN, OWN_GUIDE, empty_state, examples
from tests.fake_assistant import document

ROOT = Path(__file__).resolve().parents[3]


def test_the_first_questions_are_among_those_the_documentation_is_tried_with() -> None:
    lines = (ROOT / "docs" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked = {json.loads(line)["input"] for line in lines if line.strip()}
    assert set(OWN) <= asked


def test_the_documentation_is_known_by_its_guide() -> None:
    assert list((ROOT / "docs").rglob(f"{OWN_GUIDE}.md"))
    assert examples([document(f"{OWN_GUIDE}.md", "text").info]) == list(OWN)


def test_other_documents_are_asked_about_by_name() -> None:
    asked = examples([document("report.pdf", "text", title="Annual report").info])
    assert "What does Annual report say in short?" in asked


def test_a_hostile_title_stays_text() -> None:
    hostile = document("x.txt", "text", title="<img src=x onerror=alert(1)>").info
    assert "<img" not in empty_state([hostile])


def test_nothing_is_offered_before_the_documents_are_open() -> None:
    assert 'data-do="example"' not in empty_state([], loading=True)
