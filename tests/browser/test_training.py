"""The areas Training and Models in a real browser, at three widths, light and dark."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from assistant.database import open_database
from assistant.feedback import Feedback
from assistant.grades.datasets import keep
from assistant.grades.grading import Grading
from assistant.grades.log import add_answer
from assistant.grades.types import Grade
from assistant.improvement_runs import STEPS
from assistant.improving.watch import Watch
from graphs.answer import Answer, PromptRef, RouteDecision
from tests.fake_assistant import GUIDE, FakeAssistant, document
from training.registry import GateVerdict, ModelVersion, Registry

pytestmark = pytest.mark.browser


def fill_home(home: Path) -> None:
    """Three versions of a model, and a run that was stopped."""
    source = home / "source"
    source.mkdir(parents=True)
    (source / "adapter_model.safetensors").write_text("x")
    registry = Registry(home / "models")
    for gain in (4.0, 12.0, 9.0):
        metrics = {"f1": 50 + gain, "f1_gain": gain, "f1_gain_low": gain - 3, "f1_gain_high": gain + 3}
        registry.add(source, ModelVersion(name="support-style", version="", kind="adapter", metrics=metrics))
    for number, verdict in (("1", "pass"), ("2", "pass"), ("3", "fail")):
        reasons = ["F1 fell by 3.1 (−4.9 to −1.2)"] if verdict == "fail" else []
        registry.judge("support-style", number, GateVerdict(verdict=verdict, reasons=reasons))  # type: ignore[arg-type]
    registry.promote("support-style", "1")
    run = home / "runs" / "support-style"
    run.mkdir(parents=True)
    (run / "started.json").write_text("{}")
    (run / "config.json").write_text(json.dumps({"recipe": {"stage": "sft"}}))
    events: list[dict[str, Any]] = [{"event": "estimate", "text": "about 12 minutes for 120 steps, 2.1 GiB of memory"}]
    for step in range(1, 61):
        loss = 0.9 + 2.4 * math.exp(-step / 18) + 0.12 * math.sin(step * 1.7)
        events.append({"event": "step", "step": step, "steps": 120, "loss": loss, "tokens_per_second": 640.0})
        if step % 15 == 0:
            events.append({"event": "evaluation", "step": step, "loss": 1.05 + 2.2 * math.exp(-step / 18)})
    events.append({"event": "note", "text": "stopped at step 60; --resume continues from there"})
    (run / "log.jsonl").write_text("".join(json.dumps({"time": 1.0, **event}) + "\n" for event in events))


def fill_cycle(home: Path, grading: Grading) -> None:
    """Twenty grades, the data made of them, a candidate of theirs that passed the gate, and its cycle's record."""
    with grading.log._engine.begin() as connection:
        for number in range(20):
            route = RouteDecision(path="zero_shot", reason="r", confidence=1)
            given = Answer(text=f"At length, it is {number}.", route=route, answer_id=f"a{number}", model="fake:parrot")
            add_answer(connection, f"What is the number of house {number}?", given)
    for number in range(20):
        scores = {"correct": 3, "supported": 3, "complete": 2}
        grade = Grade(answer_id=f"a{number}", grader="ann" if number % 3 else "bob", scores=scores, better_answer="12.")
        grading.record(grade)
    rows = grading.rows("dpo")
    kept = keep(home, "dpo", rows, grading.card("dpo", rows))
    registry, source = Registry(home / "models"), home / "source"
    made = {"stage": "dpo", "dataset": kept.folder.name, "cycle": "20261201-120000", "learning_rate": 2e-5}
    metrics = {"margin": 0.41, "margin_gain": 0.3, "margin_gain_low": 0.2, "margin_gain_high": 0.4}
    version = ModelVersion(
        name="improved", version="", kind="adapter", base="fake:parrot", recipe=made, metrics=metrics
    )
    registry.add(source, version)
    reasons = ["held-out-grades: f1 0.31 → 0.52 (+0.21 [+0.11, +0.31]); a gain."]
    registry.judge("improved", "1", GateVerdict(verdict="pass", reasons=reasons, run="improve/20261201-120000"))
    gate = {"verdict": "pass", "reasons": reasons, "text": "pass"}
    steps: dict[str, Any] = {name: {"text": f"{name} was done"} for name in STEPS if name != "gate"}
    steps |= {"register": {"model": "improved", "version": "1", "text": "improved 1 is a candidate"}, "gate": gate}
    steps["recipe"] = {"text": "DPO on fake:parrot, learning rate 2e-05"}
    folder = home / "improve" / "20261201-120000"
    folder.mkdir(parents=True)
    record = {"id": folder.name, "created": "2026-12-01T12:00:00", "options": {}, "steps": steps}
    (folder / "cycle.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Any], str]) -> Iterator[str]:
    from assistant.http.lineage_page import lineage_router
    from assistant.ui import mount

    fake: Any = FakeAssistant(tmp_path_factory.mktemp("training"), [document("guide.md", GUIDE, title="Guide")])
    fill_home(fake.settings.home)
    engine = open_database(fake.settings)
    fake.grading = Grading(engine, fake.settings, Feedback(engine))
    fake.watch = Watch(engine, fake.settings)
    fill_cycle(fake.settings.home, fake.grading)
    with engine.begin() as connection:
        route = RouteDecision(path="rag", reason="r", confidence=1)
        given = Answer(text="24 months.", route=route, answer_id="told", model="local:improved@1",
                       prompt=PromptRef(name="passages", version="3", sha256="ab" * 32))  # fmt: skip
        add_answer(connection, "How long is the warranty? <b>", given)
    app = FastAPI()
    app.include_router(lineage_router(fake))
    yield serve(mount(app, fake))
    engine.dispose()


def _accessible(watched: Any, context: str | None = None) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: install the `dev` group")
    found = axe.Axe().run(watched.page, context=context).response["violations"]
    assert [(one["id"], one["impact"]) for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("size", ["wide", "tablet", "phone"])
def test_a_stopped_run_shows_its_losses_and_can_go_on(size: str, address: str, open_page: Callable[..., Any]) -> None:
    watched = open_page(address, size, "dark" if size == "tablet" else "light")
    page = watched.page
    page.click(".tabs a >> text=Training")
    page.click(".training table a >> text=support-style")
    page.wait_for_selector("#losses polyline.held")
    assert "step 60 of 120" in page.inner_text("#run-figures")
    assert page.is_visible("text=Go on")
    assert not page.is_visible("[data-do=stop-training]")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    watched.shot(f"training-{size}")
    _accessible(watched, "#area")
    page.locator("details summary >> text=The recipe").click()
    page.wait_for_function("document.getElementById('recipe-text').textContent.includes('stage:')")


@pytest.mark.parametrize("size", ["wide", "tablet", "phone"])
def test_versions_say_why_they_cannot_go_live(size: str, address: str, open_page: Callable[..., Any]) -> None:
    watched = open_page(address, size, "dark" if size == "wide" else "light")
    page = watched.page
    page.click(".tabs a >> text=Models")
    page.wait_for_selector(".models table")
    assert page.is_disabled("[data-do=promote][data-version='3']")
    assert "F1 fell by 3.1" in page.inner_text("#why-support-style-3")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    watched.shot(f"models-{size}")
    _accessible(watched, "#area")


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_a_version_shows_where_it_comes_from(size: str, address: str, open_page: Callable[..., Any]) -> None:
    watched = open_page(address, size)
    page = watched.page
    page.goto(f"{address}/?tab=models&model=improved&version=1")
    page.wait_for_selector(".lineage svg")
    watched.shot(f"version-{size}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    _accessible(watched, "#area")
    page.goto(f"{address}/lineage/told")
    page.wait_for_selector(".lineage svg")
    watched.shot(f"lineage-{size}")
    _accessible(watched)
    page.focus(".lineage a[href='#graders']")
    page.keyboard.press("Enter")
    assert page.url.endswith("#graders")
    assert "ann" in page.inner_text("#graders")


def test_a_candidate_is_tried_and_the_trial_is_ended(address: str, open_page: Callable[..., Any]) -> None:
    watched = open_page(address)
    page = watched.page
    page.click(".tabs a >> text=Models")
    page.click("[data-do=canary][data-name=improved]")
    page.wait_for_selector("text=improved 1 answers 10% of the conversations")
    watched.shot("models-trial")
    page.click("[data-do=end-canary]")
    page.wait_for_selector("text=stopped by a person on the page")


def test_promoting_and_rolling_back(address: str, open_page: Callable[..., Any]) -> None:
    page = open_page(address).page
    page.click(".tabs a >> text=Models")
    page.click("[data-do=promote][data-version='2']")
    page.wait_for_function("document.querySelector('tr.chosen td').innerText === '2'")
    page.click("[data-do=rollback][data-name=support-style]")
    page.click("#sure-yes")
    page.wait_for_function("document.querySelector('tr.chosen td').innerText === '1'")
    page.click("tr.chosen td a")
    page.wait_for_selector(".card")
    assert "When what went live" in page.inner_text("#area")
