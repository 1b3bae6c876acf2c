"""The area Evaluation: runs listed, compared, reported, started, watched and stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant import evaluation_runs
from assistant.ui.routes import ui_router
from tests.eval.runs import failed_record, sample_record, write_made_run
from tests.fake_assistant import FakeAssistant

OURS = {"x-crossroads": "page"}
AREA = "/ui/tabs/evaluation"
COUNTS = "import sys, time\nfor n in range(1, 4):\n    print(f'{n} of 3', file=sys.stderr, flush=True)\n"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    assistant = FakeAssistant(tmp_path, [])
    runs = evaluation_runs.runs_folder(assistant.settings.home)
    write_made_run(runs / "old", [sample_record(1, 1.0, text="It is tall.")], "2026-01-01T00:00:00")
    write_made_run(runs / "new", [sample_record(1, 0.0, text="It is small."), failed_record(2)])
    app = FastAPI()
    app.include_router(ui_router(assistant))  # type: ignore[arg-type]
    with TestClient(app) as opened:
        yield opened


def test_runs_are_listed_the_latest_first(client: TestClient) -> None:
    html = client.get(AREA).json()["html"]
    assert html.index('value="new"') < html.index('value="old"')
    assert "f1 0.000" in html


def test_two_runs_are_compared_sample_by_sample(client: TestClient) -> None:
    html = client.get(AREA, params={"run": "new", "before": "old"}).json()["html"]
    assert "0 samples came out better, 1 worse" in html
    assert "<ins>small.</ins>" in html


def test_a_report_is_a_page_of_its_own(client: TestClient) -> None:
    answer = client.get(f"{AREA}/report/new", params={"before": "old"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "What differs from old" in answer.text


@pytest.mark.parametrize("name", ["nothing", "../old", "..%2F..", "new/../../.."])
def test_a_name_leads_to_runs_of_this_home_only(name: str, client: TestClient) -> None:
    assert client.get(f"{AREA}/report/{name}").status_code == 404


def test_another_sites_page_cannot_start_a_run(client: TestClient) -> None:
    assert client.post(f"{AREA}/start", json={"suite": "smoke"}).status_code == 403


def test_a_suite_that_is_not_there_is_refused(client: TestClient) -> None:
    answer = client.post(f"{AREA}/start", json={"suite": "no-such-suite"}, headers=OURS)
    assert answer.status_code == 400
    assert "no-such-suite" in answer.json()["error"]["message"]


def watched(client: TestClient, until: Any) -> dict[str, Any]:
    for _ in range(400):
        found: dict[str, Any] = client.get(f"{AREA}/progress").json()
        if until(found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"it stays at {found}")


def runs_script(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(evaluation_runs, "command_of", lambda *_: [sys.executable, "-c", script])


def test_a_run_is_watched_to_its_end(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    runs_script(monkeypatch, COUNTS)
    assert client.post(f"{AREA}/start", json={"suite": "smoke"}, headers=OURS).json()["run"].startswith("smoke-")
    found = watched(client, lambda now: not now["running"] and now["done"] == 3)
    assert (found["done"], found["total"], found["code"]) == (3, 3, 0)


def test_a_second_run_waits_and_a_run_can_be_stopped(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    runs_script(monkeypatch, COUNTS + "time.sleep(60)")
    client.post(f"{AREA}/start", json={"suite": "smoke"}, headers=OURS)
    watched(client, lambda now: now["done"] == 3)
    assert client.post(f"{AREA}/start", json={"suite": "smoke"}, headers=OURS).json()["error"]["type"] == "busy"
    assert client.post(f"{AREA}/stop", headers=OURS).json()["running"] is False


def test_the_command_names_home_suite_and_folder(tmp_path: Path) -> None:
    line = evaluation_runs.command_of(tmp_path, "smoke-1", "smoke", "rag", 5)
    assert line[1:5] == ["-m", "assistant", "eval", "run"]
    assert line[line.index("--out") + 1] == str(tmp_path / "eval" / "runs" / "smoke-1")
    assert line[line.index("--limit") + 1] == "5"
