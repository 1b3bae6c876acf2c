"""docs/api.md names every endpoint, and every command has one or is said to have none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from assistant.cli.main import app
from assistant.http.needs import declared
from tests.assistant.http.people_fakes import House

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
OVER_HTTP = {
    "ask": "POST /ask", "check": "POST /check", "chat": "POST /ask", "approve": "POST /threads/{thread_id}/consent",
    "replay": "POST /threads/{thread_id}/replay", "ingest": "POST /documents", "train": "POST /runs/training",
    "improve": "POST /improve", "lineage": "GET /answers/{answer_id}/lineage", "advise": "POST /advise",
    "doctor": "GET /doctor", "knowledge list": "GET /documents", "knowledge show": "GET /documents/{document_id}",
    "knowledge delete": "DELETE /collections/{collection}", "knowledge stats": "GET /knowledge",
    "knowledge search": "GET /search", "knowledge jobs": "GET /jobs", "memory list": "GET /facts",
    "memory add": "POST /facts", "memory edit": "PUT /facts/{fact_id}", "memory delete": "DELETE /facts/{fact_id}",
    "models list": "GET /models", "models show": "GET /models/{name}", "models promote": "POST /models/{name}/promote",
    "models rollback": "POST /models/{name}/rollback", "models canary": "POST /models/{name}/canary",
    "models card": "GET /models/{name}/card", "models remove": "DELETE /models/{name}/versions/{version}",
    "grades list": "GET /grades", "grades next": "GET /queue", "grades add": "POST /grades",
    "grades undo": "POST /grades/undo", "grades export": "POST /grades/export", "grades graders": "GET /graders",
    "grades gold": "POST /graders/gold", "grades weigh": "POST /graders/weigh",
    "grades calibration": "GET /graders/calibration", "grades forget": "DELETE /graders/{grader}",
    "people list": "GET /people", "people add": "POST /people", "people invite": "POST /people/{person}/invitation",
    "people role": "PATCH /people/{person}", "people disable": "PATCH /people/{person}",
    "people export": "GET /people/{person}/export", "people forget": "DELETE /people/{person}",
    "people audit": "GET /audit", "people token add": "POST /tokens", "people token list": "GET /tokens",
    "people token revoke": "DELETE /tokens/{token_id}", "examples add": "POST /examples",
    "examples import": "POST /examples", "examples list": "GET /examples",
    "examples remove": "DELETE /examples/{example_id}", "routing explain": "POST /route",
    "routing outcomes": "GET /grades/export", "prompts list": "GET /prompts",
    "prompts show": "GET /prompts/{reference}", "prompts compare": "POST /prompts/compare",
    "eval run": "POST /runs/evaluation", "eval gate": "GET /runs/verdict", "eval report": "GET /runs/report",
}  # fmt: skip
"""Command → the endpoint that does the same."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[str]]:
    house = House(tmp_path_factory.mktemp("page") / "home")
    routes = [one for one in declared(house.app.routes) if one.told and one.path.startswith("/api/v1/")]
    yield {
        f"{verb} {route.path.removeprefix('/api/v1').replace(':path', '')}" for route in routes for verb in route.verbs
    }
    house.assistant.close()


def test_the_page_names_every_endpoint_and_no_other(served: set[str]) -> None:
    table = PAGE.read_text(encoding="utf-8").partition("| area |")[2].partition("\n\n")[0]
    told: set[str] = set()
    verbs: list[str] = []
    for code in re.findall(r"`([A-Z]+(?: [^`]+)?)`", table):
        verb, _, path = code.partition(" ")
        verbs.append(verb)
        if path:
            told |= {f"{one} {path}" for one in verbs}
            verbs = []
    assert told == served


def test_every_command_has_its_endpoint_or_is_left_out_with_a_word(served: set[str]) -> None:
    left_out = PAGE.read_text(encoding="utf-8").partition("Every command of the terminal")[2].partition("\n\n")[0]
    for command in _commands(get_command(app)):
        told = f"`{command}`" in left_out or (command.startswith("data ") and "below `data`" in left_out)
        assert OVER_HTTP.get(command) in served or told, command
    assert set(OVER_HTTP.values()) <= served


def _commands(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"
