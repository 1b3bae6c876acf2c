"""The role matrix, made from the application's own routes: every endpoint by everyone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant.http.needs import Declared, check_declared, declared, needs
from assistant.people.roles import MAY, PERMISSIONS, ROLES, SCOPES, Permission, Role
from assistant.ui.tabs import TABS
from tests.assistant.http.people_fakes import OURS, House

REFUSED = (401, 403)
pytestmark = [  # Gradio turns these warnings on, and drops an event loop
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("matrix") / "home", page=True, people={"requests_per_minute": 0})
    yield made
    made.assistant.close()


def calls(house: House) -> Iterator[tuple[str, str, Declared]]:
    """Verb and address of everything that is served, its names filled with one that fits nothing."""
    for route in declared(house.app.routes):
        path = {"": "/", "/ui/static": "/ui/static/page.css"}.get(route.path) or re.sub(r"\{[^}]+\}", "1", route.path)
        for verb in route.verbs or ("GET",):
            if path != "/logout":  # ends the session the others need; tested by itself
                yield verb, path, route


def wrong(house: House, client: TestClient, may: frozenset[Permission] | None) -> list[str]:
    """The calls that were let through or refused against what the routes declare."""
    found = []
    for verb, path, route in calls(house):
        status = client.request(verb, path, json={} if verb != "GET" else None, headers=OURS).status_code
        allowed = all(one == "open" or (may is not None and (one == "signed_in" or one in may)) for one in route.needed)
        right = status not in REFUSED if allowed else status == (401 if may is None else 403)
        if not right and not (allowed and path == "/api/v1/tokens"):  # tokens make no tokens
            found.append(f"{verb} {path}: {status}, needs {route.needed}")
    return found


def test_there_is_something_to_test(house: House) -> None:
    paths = {path for _, path, _ in calls(house)}
    assert len(paths) > 100
    assert {"/", "/health", "/v1/chat/completions", "/api/v1/ask", "/own/ingest", "/ui/runs", "/login"} <= paths


def test_nobody_gets_nowhere(house: House) -> None:
    assert wrong(house, house.nobody(), None) == []


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_where_it_may_and_nowhere_else(house: House, role: Role) -> None:
    assert wrong(house, house.browser(role), MAY[role]) == []


@pytest.mark.parametrize("scope", ["ask", "models", "people"])
def test_a_token_gets_no_further_than_its_scope(house: House, scope: Permission) -> None:
    assert wrong(house, house.program("owner", scope), frozenset({scope})) == []


def test_only_the_home_itself_may_do_everything() -> None:
    assert all("home" not in allowed for allowed in MAY.values())
    assert MAY["owner"] == set(SCOPES) == set(PERMISSIONS) - {"home"}


@pytest.mark.parametrize("role", ROLES)
def test_areas_open_for_those_they_are_for(house: House, role: Role) -> None:
    browser = house.browser(role)
    for tab in TABS:
        status = browser.get(f"/ui/tabs/{tab.name}").status_code
        assert (status == 403) == (tab.needs not in MAY[role]), tab.name


def test_a_route_that_says_nothing_is_not_served() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.get("/said", dependencies=[needs("ask")])(lambda: None)
    check_declared(app.routes)
    app.get("/unsaid")(lambda: None)
    with pytest.raises(AssertionError, match="/unsaid"):
        check_declared(app.routes)
