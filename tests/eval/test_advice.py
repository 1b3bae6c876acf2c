"""The first path for a problem, and the measurement that settles it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from assistant.cli.main import run
from eval.advice import Situation, advise, questions_needed

PLAIN = Situation(
    need="knowledge", documents=True, changing=False, labelled=50, gpu=False, private=True, budget_usd=0, requests=1000
)


def test_missing_facts_in_documents_are_retrieved() -> None:
    assert advise(PLAIN).first == "rag"


def test_a_wrong_form_is_shown_by_examples_first() -> None:
    assert advise(replace(PLAIN, need="format")).first == "few_shot"


def test_much_traffic_and_many_labels_tune_the_form() -> None:
    assert advise(replace(PLAIN, need="format", labelled=2000, requests=1_000_000)).first == "tuned"


def test_enough_labels_and_documents_lead_to_both() -> None:
    advice = advise(replace(PLAIN, need="both", labelled=2000))
    assert (advice.first, advice.then) == ("rag", "tuned_rag")


def test_changing_facts_speak_against_tuning() -> None:
    assert "change faster" in advise(replace(PLAIN, changing=True)).against["tuned"]


def test_without_questions_the_first_step_is_to_write_them() -> None:
    assert advise(replace(PLAIN, labelled=3)).measure[0].startswith("Write 20 questions")


def test_the_measurement_names_the_paths_to_compare() -> None:
    assert "crossroads eval compare QUESTIONS.jsonl --paths zero_shot,rag" in advise(PLAIN).measure


def test_questions_needed_is_the_textbook_number() -> None:
    assert questions_needed(0.1) == 155  # ((1.645 + 0.842) * 0.5 / 0.1)²
    assert questions_needed(0.2) == 39


def test_the_command_advises_from_flags(capsys: pytest.CaptureFixture[str]) -> None:
    line = "advise --need knowledge --documents --stable --labelled 40 --no-gpu --private --budget 0 --requests 1000"
    assert run([*line.split(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["first"] == "rag"


def test_a_missing_answer_is_named_where_nobody_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "--need", "format", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["cure"] == "Give --documents."
