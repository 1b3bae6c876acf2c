"""Every state an answer can be in looks like itself."""

from __future__ import annotations

import pytest

from assistant.records import Turn, Vote
from assistant.ui import turns
from graphs.answer import (
    Answer,
    Citation,
    Evidence,
    Expected,
    Grounding,
    Passage,
    RouteDecision,
    SentenceSupport,
    Timing,
)

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
PATHS = {"rag": "", "zero_shot": "", "tuned": "no tuned model yet"}


def passage(text: str = "The warranty lasts 24 months.", name: str = "handbook.pdf") -> Passage:
    return Passage(
        chunk_id="c1", document_id="d1", source=f"/x/{name}", title=name, text=text, start=100, end=100 + len(text),
        page=4, heading="Warranty › Duration", similarity=0.7,
    )  # fmt: skip


def citation(of: Passage, start: int, end: int) -> Citation:
    snippet = of.text[start - of.start : end - of.start]
    return Citation(
        marker="[1]", chunk_id=of.chunk_id, document_id=of.document_id, source=of.source, title=of.title,
        page=of.page, start=start, end=end, snippet=snippet, score=1,
    )  # fmt: skip


def answer(text: str = "It lasts 24 months [1].", **changes: object) -> Answer:
    found = passage()
    values: dict[str, object] = {
        "text": text,
        "route": RouteDecision(
            path="rag",
            reason="It is about your documents.",
            confidence=0.9,
            scores={"rag": 0.9, "zero_shot": 0.1},
            expected={"rag": Expected(seconds=2), "zero_shot": Expected(seconds=1, cost_usd=0.004)},
        ),
        "citations": [citation(found, 119, 128)],
        "grounding": Grounding(score=0.9, label="supported"),
        "evidence": [Evidence(passage=found, kept=True, why="near the question")],
        "timing": Timing(total=2100, generate=1700),
        "answer_id": "a1",
        "thread_id": "t1",
        "model": "fake:reader",
    }
    return Answer(**{**values, **changes})


def shown(**changes: object) -> str:
    return turns.answer(answer(**changes), None, PATHS)


def test_the_quiet_line_says_path_support_and_time() -> None:
    assert "From your documents · supported · 2.1 s" in shown()


def test_the_evidence_panel_marks_exactly_the_cited_span() -> None:
    assert "The warranty lasts <mark>24 months</mark>." in shown()


def test_a_citation_outside_its_passage_shows_its_snippet() -> None:
    stray = citation(passage(), 100, 112).model_copy(update={"start": 5, "end": 17})
    assert "<mark>The warranty</mark>" in shown(citations=[stray])


def test_the_chip_leads_to_the_document_without_scripts() -> None:
    assert 'href="documents/d1?start=119&amp;end=128#here"' in shown()


def test_details_show_every_path_with_chance_time_and_cost() -> None:
    html = shown()
    assert "It is about your documents." in html
    assert "90%" in html
    assert "10%" in html
    assert "$0.00400" in html
    assert 'class="taken"' in html


def test_a_weak_sentence_is_underlined() -> None:
    text = "It lasts 24 months. Nobody knows why."
    weak = SentenceSupport(text="Nobody knows why.", start=20, end=37, score=0.1, supported=False)
    html = shown(text=text, grounding=Grounding(score=0.5, label="partly", sentences=[weak]))
    assert 'aria-describedby="weak-note">Nobody knows why.</span>' in html
    assert "partly supported" in html


def test_an_answer_from_memory_says_that_it_is_not_checked() -> None:
    route = RouteDecision(path="zero_shot", reason="General talk.", confidence=0.8)
    html = shown(route=route, grounding=None, citations=[], evidence=[])
    assert "Just the model · not checked" in html
    assert 'class="answer unchecked"' in html


def test_a_quotation_looks_like_one_and_keeps_every_character() -> None:
    html = shown(text="“*24* months # all of it” [1]", quoted=True)
    assert 'class="answer quoted"' in html
    assert "A quotation from <bdi>handbook.pdf p. 4</bdi>, word for word" in html
    assert "“*24* months # all of it” <a" in html


def test_not_knowing_offers_the_nearest_passages_and_what_to_do() -> None:
    html = shown(text="I don't know.", abstained=True, citations=[], grounding=None)
    assert "The nearest passages" in html
    assert 'data-do="documents"' in html
    assert 'data-do="path" data-path="zero_shot">Ask just the model' in html


def test_a_stopped_answer_says_who_stopped_it() -> None:
    assert "stopped by you" in shown(stopped=True, grounding=None)


def test_nothing_written_before_the_stop_is_said() -> None:
    assert "Nothing had been written yet." in shown(text="", stopped=True, citations=[], grounding=None)


def test_notices_stand_above_the_answer() -> None:
    html = shown(notices=["openai:x did not answer; fake:reader did."])
    assert html.index("openai:x did not answer") < html.index('class="text"')


def test_an_interrupted_turn_offers_to_be_answered() -> None:
    html = turns.turn(Turn(question_id="q", question="Why?", asked="", answer=None), None, PATHS)
    assert "broke off" in html
    assert 'data-do="again"' in html


def test_a_failure_says_what_happened_and_what_to_do() -> None:
    html = turns.failure({"type": "timeout", "message": "No answer in 60 s.", "cure": "Try again."})
    assert 'role="alert"' in html
    assert "No answer in 60 s." in html
    assert "<p>Try again.</p>" in html


def test_a_path_that_cannot_be_taken_says_why() -> None:
    assert 'disabled>Tuned model<span class="why">no tuned model yet</span>' in shown()


def test_a_vote_and_its_comment_are_shown_again() -> None:
    html = turns.answer(answer(), Vote(answer_id="a1", vote="down", comment="too <short>"), PATHS)
    assert 'data-vote="down" aria-pressed="true"' in html
    assert "too &lt;short&gt;" in html


@pytest.mark.parametrize(
    "hostile",
    [
        {"text": EVIL},
        {"text": EVIL, "quoted": True},
        {"text": EVIL, "abstained": True},
        {"notices": [EVIL]},
        {"model": EVIL, "question": EVIL, "answer_id": EVIL},
        {"evidence": [Evidence(passage=passage(EVIL, EVIL), kept=False, why=EVIL)]},
        {"citations": [citation(passage(EVIL, EVIL), 100, 110)]},
        {"route": RouteDecision(path="rag", reason=EVIL, confidence=1)},
    ],
)
def test_no_value_of_an_answer_becomes_a_tag(hostile: dict[str, object]) -> None:
    html = shown(**hostile)
    assert "<script" not in html
    assert "<img" not in html


def test_no_question_becomes_a_tag() -> None:
    assert "<script" not in turns.question(EVIL)
