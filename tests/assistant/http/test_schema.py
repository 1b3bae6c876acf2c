"""The API against its own description: whatever fits the schema, and much that does not, is never an accident."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
import schemathesis.specs.openapi.adapter.responses  # loaded late, deep in a run, Python 3.11 fails to compile it
from schemathesis.checks import not_a_server_error

from assistant.records import Request
from tests.assistant.http.people_fakes import HOME_TOKEN, House

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "2"))
"""For each endpoint; more by the variable, where there is time."""
LEFT_OUT = {
    ("post", "/api/v1/runs/training"),
    ("post", "/api/v1/runs/evaluation"),
}
"""What would start a process."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("schema") / "home", people={"requests_per_minute": 0})
    made.assistant.ask(Request(question="How long does the warranty last?"))
    yield made
    made.assistant.close()


def test_the_page_and_the_schema_name_every_endpoint_and_its_permission(house: House) -> None:
    owner = house.browser("owner")
    schema, page = owner.get("/api/v1/openapi.json").json(), owner.get("/api/v1/docs").text
    endpoints = [one for path, verbs in schema["paths"].items() if path.startswith("/api/v1") for one in verbs.values()]
    assert len(endpoints) > 40
    assert all(one["x-needs"] and one["description"] and one["responses"]["403"] for one in endpoints)
    assert all(path in page for path in schema["paths"])
    assert "<script" not in page


@pytest.mark.timeout(300 + 120 * EXAMPLES)
def test_nothing_that_is_sent_is_an_accident(house: House) -> None:
    schema = house.browser("owner").get("/api/v1/openapi.json").json()
    described = schemathesis.openapi.from_dict(schema)
    described.app = house.app
    for result in described.get_all_operations():
        operation = result.ok()
        if (operation.method.lower(), operation.path) not in LEFT_OUT:
            _try(operation, house)


def _try(operation: Any, house: House) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy())
    def attempt(case: Any) -> None:
        headers = {"authorization": f"Bearer {HOME_TOKEN}"}  # may do everything, and cannot sign itself out
        own = {"base_url": "http://127.0.0.1", "headers": headers, "app": house.app}
        response = case.call(**own, timeout=120)  # a first export loads much, which a busy machine takes its time for
        case.validate_response(response, checks=[not_a_server_error])

    attempt()
