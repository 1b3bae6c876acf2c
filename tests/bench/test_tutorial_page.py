"""The tutorial's simulated expert keeps to the policy it states, and its figures go where the page wants them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from assistant.grades.rubric import load_rubric
from bench.plain_questions import THINGS
from bench.tutorial import ASKED, HEADING, PARTS, Policy, standing_suite, told, write_page
from eval.dataset import Places, load_dataset
from eval.suite import load_suite


@pytest.mark.parametrize(
    ("text", "score", "better"),
    [
        ("It is short.", 5, ""),
        ("It is one. It is two.", 3, "It is one."),
        ("one two three four five six seven eight", 2, "one two three four five"),
        (" ".join(["word"] * 40), 1, "word word word word word"),
    ],
)
def test_grades_follow_from_the_policy_alone(text: str, score: int, better: str) -> None:
    policy = Policy(words=5)
    assert (policy.scores(text)["brief"], policy.better(text)) == (score, better)
    assert policy.follows(better or text)


def test_an_empty_answer_is_never_as_wanted() -> None:
    assert not Policy().follows("  ")
    assert Policy().better("  ") == ""


def test_the_rubric_says_the_policy(tmp_path: Path) -> None:
    file = tmp_path / "rubric.yaml"
    file.write_text(Policy(words=7).rubric(), encoding="utf-8")
    assert [one.name for one in load_rubric(file).criteria] == ["brief"]
    assert "at most 7 words" in yaml.safe_load(file.read_text())["criteria"][0]["anchors"][5]


def test_figures_take_the_place_of_those_before(tmp_path: Path) -> None:
    gate = {"verdict": "pass", "reasons": ["f1 rose."]}
    part = {
        "stage": "dpo",
        "rows": 9,
        "held_out": 3,
        "parity": {"argmax_agreement": 1.0, "same_answers": 1.0},
        "gate": gate,
    }
    policy = {"n": 3, "before": 0.25, "after": 0.75, "gain": 0.5, "low": 0.2, "high": 0.8}
    figures: dict[str, Any] = {
        "grades": 12, "improve": part, "poisoned": {"gate": {"verdict": "fail", "reasons": ["f1 fell."]}},
        "policy": policy, "words": [30.0, 12.5], "back": {"asked": 5, "as_before": 5},
        "seconds": {"answers": 60, "improve": 120, "poisoned": 60},
    }  # fmt: skip
    page = tmp_path / "page.md"
    page.write_text(f"# A\n\n{HEADING}\n\nold\n\n## After\n\nstays\n", encoding="utf-8")
    write_page(page, told(figures, "local:m"))
    text = page.read_text(encoding="utf-8")
    assert "old" not in text
    assert text.endswith("\n## After\n\nstays\n")
    assert "25% before, 75% after; a gain of 50 points (95 % interval 20 to 80)" in text
    assert "Poisoned grades: fail. f1 fell." in text


def test_the_standing_suite_asks_as_people_do_and_nothing_that_is_graded(tmp_path: Path) -> None:
    file = standing_suite(tmp_path)
    suite = load_suite(file)
    samples = load_dataset(suite.dataset, Places(file)).samples
    graded = {form.format(part) for part in PARTS for form in ASKED}
    assert len(samples) == len(THINGS)
    assert not graded & {sample.input for sample in samples}
    assert suite.watch == ["f1"]
