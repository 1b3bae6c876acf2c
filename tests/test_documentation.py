"""The documentation: it is the default knowledge base, so its questions, links and pages are held to the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assistant.documentation import find_documentation
from eval.sample import Sample, read_samples

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md")) + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]


@pytest.fixture(scope="module")
def questions() -> list[Sample]:
    return read_samples(DOCS / "questions.jsonl")


def test_the_documentation_is_found() -> None:
    assert DOCS / "guide" / "choosing-a-path.md" in find_documentation()


def test_there_are_enough_questions_of_both_kinds(questions: list[Sample]) -> None:
    answerable = [sample for sample in questions if sample.metadata["answerable"]]
    assert len(answerable) >= 60
    assert len(questions) - len(answerable) >= 15


def test_questions_differ(questions: list[Sample]) -> None:
    asked = [sample.input.casefold() for sample in questions]
    assert sorted(set(asked)) == sorted(asked)


def test_the_evidence_of_every_question_stands_in_its_page(questions: list[Sample]) -> None:
    for sample in questions:
        if sample.metadata["answerable"]:
            page = (DOCS / sample.metadata["source"]).read_text(encoding="utf-8")
            assert sample.metadata["evidence"]
            assert f"{sample.metadata['heading']}\n\n{sample.metadata['evidence']}" in page, sample.id


def test_every_answerable_question_has_an_answer(questions: list[Sample]) -> None:
    assert [sample.id for sample in questions if bool(sample.target) != sample.metadata["answerable"]] == []


def test_the_questions_the_page_offers_are_answered(questions: list[Sample]) -> None:
    from assistant.ui.examples import OWN

    assert set(OWN) <= {sample.input for sample in questions if sample.metadata["answerable"]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", sorted((DOCS / "guide").glob("*.md")), ids=lambda page: page.name)
def test_headings_of_a_page_differ(page: Path) -> None:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    assert len(headings) == len(set(headings)) > 1


def test_the_settings_page_follows_the_settings_file() -> None:
    from scripts.settings_page import PAGE, page

    shown = PAGE.read_text(encoding="utf-8")
    assert shown == page(shown, (ROOT / "crossroads.toml").read_text(encoding="utf-8"))
