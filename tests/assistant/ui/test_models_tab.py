"""The areas Models and Training: what they offer is what there is, and grey buttons say why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from assistant.config import Settings
from assistant.database import open_database
from assistant.improving.watch import Watch
from assistant.training_runs import Trainings, recipes
from assistant.ui.tabs import models, training
from graphs.errors import BusyError, NotFoundError, UsageError
from training.registry import GateVerdict, ModelVersion, Registry

OURS = {"x-crossroads": "page"}


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[Any]:
    settings = Settings(home=tmp_path / "home")
    engine = open_database(settings)
    yield SimpleNamespace(settings=settings, watch=Watch(engine, settings), grading=None)
    engine.dispose()


@pytest.fixture
def registry(assistant: Any, tmp_path: Path) -> Registry:
    source = tmp_path / "source"
    source.mkdir()
    (source / "weights").write_text("x")
    found = Registry(assistant.settings.home / "models")
    metrics = {"f1": 61.0, "f1_gain": 12.0, "f1_gain_low": 8.0, "f1_gain_high": 16.0}
    for _ in range(2):
        found.add(source, ModelVersion(name="house", version="", kind="adapter", metrics=metrics))
    return found


def client(assistant: Any, tab: Any) -> TestClient:
    app, router = FastAPI(), APIRouter()
    tab.routes(router, assistant)
    app.include_router(router)
    return TestClient(app)


def test_a_grey_promote_button_says_why(assistant: Any, registry: Registry) -> None:
    registry.judge("house", "1", GateVerdict(verdict="fail", reasons=["F1 fell by 2 <b>"]))
    registry.judge("house", "2", GateVerdict(verdict="pass"))
    html = models.fragment(assistant, {})
    assert 'data-version="1" disabled aria-describedby="why-house-1"' in html
    assert "F1 fell by 2 &lt;b&gt;" in html
    assert 'data-version="2">Promote' in html
    assert "f1 61 (+12, +8 to +16)" in html


def test_promote_and_roll_back_from_the_page(assistant: Any, registry: Registry) -> None:
    http = client(assistant, models)
    refused = http.post("/promote", json={"name": "house", "version": "1"}, headers=OURS)
    assert refused.status_code == 400
    assert "--override" in refused.json()["error"]["cure"]
    for number in "12":
        asked = {"name": "house", "version": number, "override": "a trial"}
        assert http.post("/promote", json=asked, headers=OURS).json() == {"version": number}
    assert "Roll back" in models.fragment(assistant, {})
    assert http.post("/rollback", json={"name": "house"}, headers=OURS).json() == {"version": "1"}
    assert "a trial" in models.fragment(assistant, {"model": "house", "version": "1"})
    assert http.post("/rollback", json={"name": "house"}).status_code == 403


def test_the_form_offers_every_recipe_and_shows_it(assistant: Any) -> None:
    html = training.fragment(assistant, {})
    names = [one.name for one in recipes()]
    assert {"style", "grounded-qa", "reader"} <= set(names)
    assert all(f'value="{name}"' in html for name in names)
    http = client(assistant, training)
    assert "stage: sft" in http.get("/recipe/style").json()["text"]
    assert http.get("/recipe/nonesuch").status_code == 404


def a_run(home: Path, name: str, events: list[dict[str, Any]], output: str = "") -> None:
    folder = home / "runs" / name
    folder.mkdir(parents=True)
    (folder / "started.json").write_text("{}")
    (folder / "config.json").write_text(json.dumps({"recipe": {"stage": "sft"}}))
    (folder / "output.txt").write_text(output)
    (folder / "log.jsonl").write_text("".join(json.dumps({"time": 1.0, **event}) + "\n" for event in events))


def test_runs_tell_their_losses_and_how_they_ended(assistant: Any) -> None:
    home = assistant.settings.home
    steps = [{"event": "step", "step": n, "steps": 4, "loss": 3.0 - n} for n in (1, 2)]
    error = json.dumps({"error": {"type": "usage", "message": "row 3 is empty.", "cure": "Mend it."}})
    a_run(home, "good", [*steps, {"event": "evaluation", "step": 2, "loss": 1.5}, {"event": "done"}])
    a_run(home, "bad", steps, f"lines\n{error}\n")
    a_run(home, "cut", [*steps, {"event": "note", "text": "stopped at step 2; --resume continues from there"}])
    trainings = Trainings(home)
    assert {info.name: info.state for info in trainings.list()} == {"good": "done", "bad": "failed", "cut": "stopped"}
    seen = trainings.watch("good")
    assert seen["curves"] == {"learnt": [(1, 2.0), (2, 1.0)], "held back": [(2, 1.5)]}
    assert trainings.watch("bad")["error"] == "row 3 is empty. Mend it."
    with pytest.raises(NotFoundError):
        trainings.watch("../models")
    assert "2 of 4" in training.fragment(assistant, {"run": "good"})


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """What runs are started with; each is a process that sleeps until it is told to end."""
    from assistant import training_runs

    begun: list[subprocess.Popen[bytes]] = []
    asked: list[list[str]] = []
    start = subprocess.Popen

    def sleeping(command: list[str], **named: Any) -> subprocess.Popen[bytes]:
        asked.append(command)
        code = "import signal; signal.signal(signal.SIGINT, lambda *_: exit()); print('up', flush=True); signal.pause()"
        begun.append(start([sys.executable, "-S", "-c", code], **named))
        output = Path(named["stdout"].name)
        while not output.read_bytes():
            time.sleep(0.01)
        return begun[-1]

    monkeypatch.setattr(training_runs.subprocess, "Popen", sleeping)
    yield asked
    for process in begun:
        process.kill()
        process.wait()


def test_a_run_is_started_with_its_keys_and_only_one_at_a_time(assistant: Any, commands: list[list[str]]) -> None:
    trainings = Trainings(assistant.settings.home)
    with pytest.raises(UsageError, match="'steps'"):
        trainings.start("style", "steps")
    with pytest.raises(UsageError, match=r"called '\.\./models'"):
        trainings.start("style", "name=../models")
    assert not trainings.stop()
    assert trainings.start("style", "steps=5\nname=mine\n") == "mine"
    assert commands[0][3:5] == ["train", "style"]
    assert "steps=5" in commands[0]
    assert any(part.endswith("runs/mine") for part in commands[0])
    with pytest.raises(BusyError, match="'mine' is at work"):
        trainings.start("style", "")
    assert trainings.stop()
    assert trainings.wait(10)


def test_a_service_started_anew_knows_the_run_stops_it_and_goes_on_with_it(
    assistant: Any, commands: list[list[str]]
) -> None:
    home = assistant.settings.home
    Trainings(home).start("style", "steps=5\nname=mine")
    http = client(assistant, training)  # of another overseer, as after a restart
    assert http.get("/runs/mine").json()["state"] == "running"
    assert http.post("/start", json={"recipe": "style"}, headers=OURS).json()["error"]["message"].startswith("The run")
    assert http.post("/stop", headers=OURS).json() == {"ok": True}
    later = Trainings(home)
    assert later.wait(10)
    assert [info.state for info in later.list()] == ["failed"], "it ended without a word"
    assert http.post("/resume/mine", headers=OURS).json() == {"run": "mine"}
    assert {"style", "steps=5", "--resume"} <= set(commands[1])
    assert http.post("/resume/nonesuch", headers=OURS).status_code == 404


def test_a_number_that_another_process_has_now_is_not_taken_for_the_run(assistant: Any) -> None:
    home = assistant.settings.home
    a_run(home, "old", [])
    (home / "runs" / "old" / "started.json").write_text(json.dumps({"pid": os.getpid(), "began": 1.0}))
    assert Trainings(home).running() == ""
    assert not Trainings(home).stop()
