"""The areas Training and Models in a real browser, at three widths, light and dark."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

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


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Any], str]) -> str:
    from assistant.ui import mount

    fake = FakeAssistant(tmp_path_factory.mktemp("training"), [document("guide.md", GUIDE, title="Guide")])
    fill_home(fake.settings.home)
    return serve(mount(FastAPI(), fake))  # type: ignore[arg-type]


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


def test_promoting_and_rolling_back(address: str, open_page: Callable[..., Any]) -> None:
    page = open_page(address).page
    page.click(".tabs a >> text=Models")
    page.click("[data-do=promote][data-version='2']")
    page.wait_for_function("document.querySelector('tr.chosen td').innerText === '2'")
    page.click("text=Roll back")
    page.click("#sure-yes")
    page.wait_for_function("document.querySelector('tr.chosen td').innerText === '1'")
    page.click("tr.chosen td a")
    page.wait_for_selector(".card")
    assert "When what went live" in page.inner_text("#area")
