"""Signing in and looking after people, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.people.rights import as_person
from tests.assistant.http.people_fakes import PASSWORD, House
from tests.browser.conftest import SIZES, Watched

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Gradio turns them on, and drops an event loop
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
EVIL = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("people") / "home", page=True)
    made.people.add("Olga", "owner", PASSWORD)
    made.people.add(f"Eve {EVIL}"[:80], "expert")
    olga = made.people.get("olga")
    made.assistant.tokens.make(olga, EVIL, ["ask"])
    with as_person(olga):
        made.assistant.threads.rename(made.assistant.threads.create("hello"), EVIL)
    yield made
    made.assistant.close()


@pytest.fixture(scope="module")
def address(house: House, serve: Callable[[Any], str]) -> str:
    return serve(house.app)


@pytest.fixture
def visit(browser: Any, shots: Path) -> Iterator[Callable[..., Watched]]:
    opened: list[Watched] = []

    def open_one(address: str, size: str = "wide", scheme: str = "light") -> Watched:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        watched = Watched(context.new_page(), shots)
        opened.append(watched)
        watched.page.goto(address)
        return watched

    yield open_one
    for watched in opened:
        watched.page.context.close()
        assert watched.elsewhere == []
        assert watched.errors == []


def sign_in(page: Any) -> None:
    page.fill("[name=name]", "olga")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#chat :is(.empty, .turn)")


def serious(page: Any, context: str = "") -> list[tuple[str, str]]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: install the `dev` group")
    found = axe.Axe().run(page, context=context or None).response["violations"]
    return [(one["id"], one["impact"]) for one in found if one["impact"] in ("serious", "critical")]


def test_one_signs_in_by_keyboard_invites_somebody_and_signs_out(
    address: str, house: House, visit: Callable[..., Watched]
) -> None:
    watched = visit(address)
    page = watched.page
    watched.shot("sign-in-wide-light")
    assert serious(page) == []
    sign_in(page)
    page.wait_for_selector("#who:not([hidden])")
    assert page.inner_text("#who-name") == "Olga"
    page.click(".tabs a >> text=People")
    page.wait_for_selector("#invite")
    assert serious(page, "#area") == []
    page.fill("#invite [name=name]", "Newcomer")
    page.select_option("#invite [name=role]", "expert")
    page.click("#invite button")
    page.wait_for_selector("#people-secret:not([hidden])")
    watched.shot("people-wide-light")
    invitation = page.input_value("#people-secret input")
    assert "/invite/" in invitation
    assert page.title() == "People – Crossroads"  # nothing in a name or a title ran
    page.click("#who button")
    page.wait_for_selector("[name=password]")
    other = visit(invitation, "phone", "dark")
    other.shot("invitation-phone-dark")
    assert serious(other.page) == []
    other.page.fill("[name=password]", PASSWORD)
    other.page.keyboard.press("Enter")
    other.page.wait_for_selector("#chat .empty")
    other.page.wait_for_function("document.querySelector('.tabs a[data-tab=people]').hidden")
    assert other.page.locator(".tabs a:visible").all_inner_texts() == ["Chat", "Knowledge", "Grade", "Memory"]
    assert not other.page.locator("[data-do=attach]").first.is_visible()


@pytest.mark.parametrize(("size", "scheme"), [("tablet", "dark"), ("phone", "light")])
def test_the_page_for_owners_fits_and_is_accessible(
    size: str, scheme: str, address: str, visit: Callable[..., Watched]
) -> None:
    watched = visit(f"{address}/login?next=/?tab=people", size, scheme)
    page = watched.page
    watched.shot(f"sign-in-{size}-{scheme}")
    page.fill("[name=name]", "olga")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#invite")
    watched.shot(f"people-{size}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert serious(page, "#area") == []
