"""The grounding checker: copies hold, swapped facts do not, offsets are exact."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from assistant.config import load_settings
from assistant.evidence import open_checker
from assistant.evidence.checker import FeatureChecker
from graphs.answer import Grounding

EVIDENCE = [
    "The Aurora kettle was designed by Maria Lindgren in 1998. It holds 1.7 litres and boils in four minutes. "
    "The warranty lasts 24 months from the day of purchase and does not cover damage caused by limescale.",
    "Returns are accepted within 30 days. Refunds are paid to the card that was used; shipping is never refunded. "
    "Helsinki beat Oslo in the final of 2004.",
]


@pytest.fixture(scope="module")
def checker() -> FeatureChecker:
    return FeatureChecker()


@pytest.mark.parametrize(
    "copy",
    [
        "It holds 1.7 litres and boils in four minutes.",
        "The warranty lasts 24 months from the day of purchase",
        "“Returns are accepted within 30 days.” [2]",
        "returns are accepted within 30 days [1].",
        "shipping is never refunded",
        "24 months",
        "Maria Lindgren",
        "The Aurora kettle was designed by Maria Lindgren in 1998. It holds 1.7 litres and boils in four minutes.",
    ],
)
def test_a_copy_of_the_evidence_is_supported(checker: FeatureChecker, copy: str) -> None:
    found = checker.check(copy, EVIDENCE)
    assert (found.label, found.score) == ("supported", 1.0)


@pytest.mark.parametrize(
    "near",
    [
        "The Aurora kettle was designed in 1998 by Maria Lindgren.",
        "The kettle holds 1.7 litres and boils in 4 minutes.",
        "The warranty lasts 24 months from purchase.",
        "Returns are accepted within 30 days, and refunds are paid to the card used.",
        "It doesn't cover damage caused by limescale.",
    ],
)
def test_the_evidence_in_nearly_its_own_words_is_supported(checker: FeatureChecker, near: str) -> None:
    assert checker.check(near, EVIDENCE).label == "supported"


@pytest.mark.parametrize(
    "wrong",
    [
        "The warranty lasts 36 months from the day of purchase.",
        "It holds 1.5 litres and boils in four minutes.",
        "It holds 1.7 litres and boils in six minutes.",
        "Returns are accepted within 24 days.",
    ],
)
def test_a_swapped_number_is_not_supported(checker: FeatureChecker, wrong: str) -> None:
    assert checker.check(wrong, EVIDENCE).label == "unsupported"


@pytest.mark.parametrize(
    "wrong",
    [
        "The Aurora kettle was designed by Peter Lindgren in 1998.",
        "Peter designed the kettle in 1998.",
        "The Borealis kettle was designed by Maria Lindgren in 1998.",
        "Oslo beat Helsinki in the final of 2004.",
    ],
)
def test_a_swapped_name_is_not_supported(checker: FeatureChecker, wrong: str) -> None:
    assert checker.check(wrong, EVIDENCE).label == "unsupported"


@pytest.mark.parametrize(
    "turned",
    [
        "The warranty does cover damage caused by limescale.",
        "Cover damage caused by limescale",
        "Returns are not accepted within 30 days.",
        "The warranty never lasts 24 months from the day of purchase.",
    ],
)
def test_a_turned_statement_is_not_supported(checker: FeatureChecker, turned: str) -> None:
    assert checker.check(turned, EVIDENCE).label == "unsupported"


@pytest.mark.parametrize(
    "invented",
    ["Bananas are rich in potassium and grow in warm countries.", "You should call support, they love to help you!"],
)
def test_what_the_evidence_does_not_speak_of_is_not_supported(checker: FeatureChecker, invented: str) -> None:
    assert checker.check(invented, EVIDENCE).label == "unsupported"


def test_a_right_and_a_wrong_sentence_are_partly_supported(checker: FeatureChecker) -> None:
    found = checker.check("Returns are accepted within 30 days. The kettle is made in Peru.", EVIDENCE)
    assert found.label == "partly"
    assert [sentence.supported for sentence in found.sentences] == [True, False]
    assert found.score == min(sentence.score for sentence in found.sentences)


@pytest.mark.parametrize("evidence", [[], ["", "  "]])
def test_without_evidence_nothing_is_supported(checker: FeatureChecker, evidence: Sequence[str]) -> None:
    found = checker.check("Returns are accepted within 30 days.", evidence)
    assert (found.label, found.score, found.sentences[0].supported) == ("unsupported", 0.0, False)


@pytest.mark.parametrize("text", ["", "   ", "…", "[1]"])
def test_nothing_said_is_not_supported(checker: FeatureChecker, text: str) -> None:
    assert checker.check(text, EVIDENCE) == Grounding(score=0.0, label="unsupported", sentences=[])


def test_offsets_are_those_of_the_text(checker: FeatureChecker) -> None:
    text = "  Dr. Lindgren designed it, e.g. in 1998 [1].\n\n- Returns: 30 days!  Nothing else… "
    found = checker.check(text, EVIDENCE)
    assert len(found.sentences) >= 3
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in found.sentences)


def test_a_citation_marker_is_no_number(checker: FeatureChecker) -> None:
    plain, marked = (checker.check(f"Returns within 30 days are accepted{mark}.", EVIDENCE) for mark in ("", " [7]"))
    assert plain.score == marked.score


def test_the_order_of_the_evidence_does_not_matter(checker: FeatureChecker) -> None:
    text = "The kettle boils in four minutes. Refunds go to the card."
    scores = [checker.check(text, evidence).score for evidence in (EVIDENCE, EVIDENCE[::-1])]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_the_application_opens_this_checker() -> None:
    assert isinstance(open_checker(load_settings()), FeatureChecker)
