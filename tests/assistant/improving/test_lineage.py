"""An answer's id leads to model, prompt, rows, graders and verdict; the page draws it, and nothing in it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.app import Assistant
from assistant.cli.lineage import lines
from assistant.cli.main import run as crossroads
from assistant.grades.datasets import keep
from assistant.grades.types import Grade
from assistant.http.lineage_page import graph, sections
from assistant.improving.lineage import lineage
from assistant.records import Request
from graphs.errors import NotFoundError
from tests.assistant.home_fakes import open_fake
from training.registry import GateVerdict, ModelVersion, Registry

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def assistant(home: Path) -> Iterator[Assistant]:
    with open_fake(home) as opened:
        yield opened


@pytest.fixture
def traced(assistant: Assistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An answer by a model that was trained on two graded answers."""
    from assistant.providers.fake import fake_model

    home = assistant.settings.home
    monkeypatch.setattr(type(assistant.resources), "_load_chat", lambda self, name: fake_model("reader"))
    for grader in ("ann", EVIL):
        first = assistant.ask(Request(question=f"How long does the warranty last, {grader}?"))
        grade = Grade(answer_id=first.answer_id, grader=grader, better_answer="Two years.",
                      scores={"correct": 1, "supported": 2, "complete": 1})  # fmt: skip
        assistant.grading.record(grade)
    rows = assistant.grading.rows("dpo")
    kept = keep(home, "dpo", rows, "card")
    source = tmp_path / "source"
    source.mkdir()
    (source / "adapter_model.safetensors").write_text("x")
    registry = Registry(home / "models")
    made = {"stage": "dpo", "dataset": kept.folder.name, "cycle": ""}
    registry.add(source, ModelVersion(name="improved", version="", kind="adapter", base="fake:reader", recipe=made))
    registry.judge("improved", "1", GateVerdict(verdict="pass", reasons=["F1 rose"], run="improve/x"))
    registry.promote("improved", "1")
    answer = assistant.ask(Request(question="How long does the warranty last?"))
    assert answer.model == "local:improved@1"
    return lineage(assistant, answer.answer_id)


def test_one_id_leads_to_everything(traced: dict[str, Any]) -> None:
    assert (traced["model"]["kind"], traced["model"]["base"]) == ("adapter", "fake:reader")
    assert list(traced["model"]["files"]) == ["adapter_model.safetensors"]
    assert traced["prompt"]["sha256"]
    assert traced["gate"]["verdict"] == "pass"
    assert traced["data"]["rows"] == 2
    assert [one["grader"] for one in traced["graders"]] == sorted(["ann", EVIL])
    told = "\n".join(lines(traced))
    for wanted in (
        "model     local:improved@1",
        "gate      pass",
        "data      dpo-",
        "grader    ann",
        "row 1     answer_id",
    ):
        assert wanted in told


def test_the_page_shows_it_as_a_graph_and_runs_nothing(traced: dict[str, Any]) -> None:
    drawn, told = graph(traced), sections(traced)
    assert "<script>" not in drawn + told
    for key in ("graders", "data", "base", "gate", "model", "answer", "prompt"):
        assert f'href="#{key}"' in drawn
        assert f'<section id="{key}">' in told
    assert drawn.count("<path d=") == 1 + 7  # the arrow's tip, and an edge for each pair of boxes that are there


def test_an_unknown_answer_is_refused(assistant: Assistant) -> None:
    with pytest.raises(NotFoundError, match="'nonesuch'"):
        lineage(assistant, "nonesuch")


def test_the_command_prints_the_lineage_of_a_model_that_was_not_trained_here(
    assistant: Assistant, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = assistant.ask(Request(question="How long does the warranty last?"))
    assert crossroads(["lineage", answer.answer_id, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["model"]["kind"], found["data"], found["gate"]) == ("foreign", None, None)
