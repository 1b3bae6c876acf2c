"""Signing in and what it protects: sessions, forms, tokens, rates, names, files and the log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from assistant.http.guard import COOKIE
from assistant.http.sign_in import FORM_COOKIE
from assistant.people import secret
from assistant.people.rates import SIGN_INS
from assistant.serving import _check_exposure
from graphs.errors import SettingsError
from tests.assistant.home_fakes import open_fake
from tests.assistant.http.people_fakes import HOME_TOKEN, OURS, PASSWORD, House

EVIL = '"><script>document.title="owned"</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("sign-in") / "home")
    made.people.add("Zoë", "user", password=PASSWORD)
    yield made
    made.assistant.close()


def form(client: TestClient, path: str = "/login", **fields: str) -> dict[str, str]:
    """A form as our page makes it, filled in."""
    mark = re.search(r'name="mark" value="([^"]+)"', client.get(path).text)
    assert mark
    return {"mark": mark[1], **fields}


def sign_in(client: TestClient, name: str = "zoë", password: str = PASSWORD, **fields: str) -> int:
    return client.post("/login", data=form(client, name=name, password=password, **fields)).status_code


def test_a_browser_is_led_to_the_form_and_back(house: House) -> None:
    browser = house.nobody()
    led = browser.get("/documents/a?start=1", headers={"accept": "text/html"})
    assert led.headers["location"] == "/login?next=/documents/a%3Fstart%3D1"
    given = form(browser, "/login?next=/documents/a%3Fstart%3D1", name=" ZOË ", password=PASSWORD)
    response = browser.post("/login", data={**given, "next": "/documents/a?start=1"})
    assert (response.status_code, response.headers["location"]) == (303, "/documents/a?start=1")
    assert browser.get("/api/v1/me").json()["name"] == "Zoë"
    flags = response.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=lax" in flags


@pytest.mark.parametrize("where", ["https://evil.example", "//evil.example", "/\\evil.example", "/\nevil"])
def test_nobody_is_led_to_another_site(house: House, where: str) -> None:
    browser = house.nobody()
    assert (
        browser.post("/login", data=form(browser, name="zoë", password=PASSWORD, next=where)).headers["location"] == "/"
    )


@pytest.mark.parametrize(
    ("name", "password"), [("zoë", "wrong wrong wrong"), ("nobody", PASSWORD), ("owner", ""), ("", "")]
)
def test_a_wrong_name_or_password_says_the_same(house: House, name: str, password: str) -> None:
    browser = house.nobody()
    response = browser.post("/login", data=form(browser, name=name, password=password))
    assert response.status_code == 401
    assert "Name or password is wrong." in response.text
    assert COOKIE not in browser.cookies


def test_a_planted_session_is_worth_nothing(house: House) -> None:
    planted = house.people.open_session(house.people.get("user"))
    victim = house.nobody()
    given = form(victim, name="zoë", password=PASSWORD)
    held = f"{FORM_COOKIE}={victim.cookies[FORM_COOKIE]}; {COOKIE}={planted}"
    response = victim.post("/login", data=given, headers={"cookie": held, **OURS})
    assert response.status_code == 303
    assert planted not in response.headers["set-cookie"]
    attacker = house.nobody()
    attacker.cookies.set(COOKIE, planted)
    assert attacker.get("/api/v1/me").status_code == 401
    attacker.cookies.set(COOKIE, "chosen-by-an-attacker")
    assert attacker.get("/api/v1/me").status_code == 401


def test_signing_out_ends_the_session_on_the_server(house: House) -> None:
    browser = house.browser("user")
    assert browser.get("/api/v1/me").status_code == 200
    assert browser.post("/logout").status_code == 200
    assert house.people.of_session(browser.cookies.get(COOKIE) or "gone") is None


def test_a_session_expires(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = house.browser("user")
    later = secret.now() + 13 * 3600
    monkeypatch.setattr(secret, "now", lambda: later)
    assert browser.get("/api/v1/me").status_code == 401


def test_shutting_out_and_roles_hold_at_once(house: House) -> None:
    someone = house.people.add("Temp", "engineer")
    browser, program = house.nobody(), house.program("engineer", "models")
    browser.cookies.set(COOKIE, house.people.open_session(someone))
    secret_token, _ = house.assistant.tokens.make(someone, "t", ["models", "ask"])
    theirs = house.bearing(secret_token)
    assert [client.get("/api/v1/models").status_code for client in (browser, theirs, program)] == [200, 200, 200]
    house.people.change(someone.person, role="user")
    assert [client.get("/api/v1/models").status_code for client in (browser, theirs)] == [403, 403]
    house.people.change(someone.person, disabled=True)
    assert [client.get("/api/v1/threads").status_code for client in (browser, theirs)] == [401, 401]


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}],
)
def test_another_sites_page_changes_nothing_with_my_session(house: House, headers: dict[str, str]) -> None:
    browser = house.browser("owner")
    del browser.headers["x-crossroads"]
    response = browser.post("/api/v1/people", json={"name": "Mallory", "role": "owner"}, headers=headers)
    assert response.status_code == 403
    assert all(account.name != "Mallory" for account in house.people.list())


def test_a_form_of_another_site_signs_nobody_in(house: House) -> None:
    browser = house.nobody()
    for mark in ("", "made-up", form(house.nobody())["mark"]):  # the last is ours, of another browser
        response = browser.post("/login", data={"mark": mark, "name": "zoë", "password": PASSWORD})
        assert response.status_code == 400
        assert COOKIE not in browser.cookies


def test_guessing_has_to_wait(house: House) -> None:
    browser = house.nobody()
    codes = [sign_in(browser, "guessed", "wrong wrong") for _ in range(SIGN_INS.amount + 1)]
    assert codes == [401] * SIGN_INS.amount + [429]
    response = browser.post("/login", data=form(browser, name="guessed", password="wrong wrong"))
    assert 0 < int(response.headers["retry-after"]) <= 300


def test_an_invitation_opens_once(house: House) -> None:
    owner = house.browser("owner")
    told = owner.post("/api/v1/people", json={"name": f"New {EVIL}", "role": "expert"}).json()
    browser = house.nobody()
    page = browser.get(told["invitation"]).text
    assert "<script" not in page
    short = browser.post(told["invitation"], data=form(browser, told["invitation"], password="short"))
    assert short.status_code == 400
    response = browser.post(told["invitation"], data=form(browser, told["invitation"], password=PASSWORD))
    assert response.status_code == 303
    assert browser.get("/api/v1/me").json()["role"] == "expert"
    assert house.nobody().get(told["invitation"]).status_code == 404
    assert house.nobody().get("/invite/guessed").status_code == 404


def test_a_token_is_shown_once_and_ends_when_it_is_revoked_or_too_old(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = house.browser("user")
    made = browser.post("/api/v1/tokens", json={"name": "bot", "scopes": ["ask"], "days": 1}).json()
    assert made["secret"] not in browser.get("/api/v1/tokens").text
    program = house.bearing(made["secret"])
    assert program.get("/v1/models").status_code == 200
    assert program.get("/api/v1/documents").status_code == 403
    assert program.post("/api/v1/tokens", json={"name": "child", "scopes": ["ask"]}).status_code == 403
    assert house.browser("expert").delete(f"/api/v1/tokens/{made['token']['token_id']}").status_code == 404
    with monkeypatch.context() as later:
        after = secret.now() + 2 * 86400
        later.setattr(secret, "now", lambda: after)
        assert program.get("/v1/models").status_code == 401
    assert browser.delete(f"/api/v1/tokens/{made['token']['token_id']}").status_code == 200
    assert program.get("/v1/models").status_code == 401


@pytest.mark.parametrize("scopes", [["people"], ["home"], ["nonsense"], []])
def test_a_token_never_has_more_than_its_person(house: House, scopes: list[str]) -> None:
    response = house.browser("user").post("/api/v1/tokens", json={"name": "bot", "scopes": scopes})
    assert response.status_code in (400, 403, 422)


def test_a_program_that_asks_too_often_is_told_how_long_to_wait(tmp_path: Path) -> None:
    made = House(tmp_path / "home", people={"requests_per_minute": 3})
    program, other = made.program("user", "ask"), made.program("expert", "ask")
    codes = [program.get("/v1/models").status_code for _ in range(4)]
    refused = program.get("/v1/models")
    assert codes == [200, 200, 200, 429]
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert {"message", "type", "cure"} <= refused.json()["error"].keys()
    assert other.get("/v1/models").status_code == 200
    made.assistant.close()


def test_conversations_votes_and_facts_are_ones_own(house: House) -> None:
    mine, other = house.browser("user"), house.browser("owner")
    answer = mine.post("/api/v1/ask", json={"question": "How long does the warranty last?"}).json()
    thread = answer["thread_id"]
    assert thread in mine.get("/api/v1/threads").text
    assert thread not in other.get("/api/v1/threads").text
    for verb, path in (("GET", ""), ("DELETE", ""), ("GET", "/export")):
        assert other.request(verb, f"/api/v1/threads/{thread}{path}").status_code == 404
    again = {"question": "And repairs?", "thread_id": thread}
    assert other.post("/api/v1/ask", json=again).status_code == 404
    vote = {"thread_id": thread, "vote": "up"}
    assert other.post(f"/api/v1/answers/{answer['answer_id']}/vote", json=vote).status_code == 404
    assert mine.post(f"/api/v1/answers/{answer['answer_id']}/vote", json=vote).status_code == 200
    assert mine.post("/api/v1/ask", json={"question": "Remember that I work in Basel."}).status_code == 200
    person = house.people.get("user").person
    assert mine.get(f"/api/v1/people/{person}/export").json()["facts"] != []
    assert other.get(f"/api/v1/people/{house.people.get('owner').person}/export").json()["facts"] == []
    assert house.browser("expert").get(f"/api/v1/people/{person}/export").status_code == 404


def test_a_grade_carries_the_accounts_name_whatever_is_sent(house: House) -> None:
    answer = house.browser("user").post("/api/v1/ask", json={"question": "How long is the warranty?"}).json()
    scores = {one.name: 4 for one in house.assistant.grading.store.rubric.criteria}
    grade = {"answer_id": answer["answer_id"], "scores": scores, "comment": EVIL}
    expert = house.browser("expert")
    assert expert.post("/api/v1/grades", json={**grade, "grader": "Boss"}).status_code == 422
    assert expert.post("/api/v1/grades", json=grade).json()["grader"] == "Expert"


def test_the_log_tells_who_did_what_and_who_was_refused(house: House) -> None:
    house.browser("owner").patch(f"/api/v1/people/{house.people.get('zoë').person}", json={"role": "expert"})
    house.browser("user").post("/api/v1/models/m/rollback")
    lines = house.browser("owner").get("/api/v1/audit").json()["lines"]
    told = [(line["name"], line["action"].split("/api/v1")[-1], line["outcome"]) for line in lines[:2]]
    assert told[0] == ("User", "/models/m/rollback", "refused")
    assert (told[1][0], told[1][2]) == ("Owner", "done")
    assert "expert" in lines[1]["about"]


def test_a_person_chooses_only_among_the_models_that_are_offered(house: House) -> None:
    asked = {"question": "How long does the warranty last?", "model": "hf:/etc"}
    assert house.browser("user").post("/api/v1/ask", json=asked).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/threads/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/api/v1/models/..%2f..",
        "/api/v1/runs/training/..",
        "/api/v1/runs/evaluation/../../../../etc/passwd",
        "/api/v1/runs/evaluation/%2fetc%2fpasswd",
        "/documents/..%2f..%2fetc%2fpasswd/original",
        "/api/v1/threads/a%00b",
        f"/api/v1/threads/{'x' * 300}",
    ],
)
def test_no_name_leads_out_of_its_place(house: House, path: str) -> None:
    response = house.browser("owner").get(path)
    assert response.status_code in (400, 404, 405, 414)
    assert "root:" not in response.text


def test_an_upload_without_end_is_stopped(tmp_path: Path) -> None:
    made = House(tmp_path / "home", knowledge={"max_file_mb": 1})
    owner, user = made.browser("owner"), made.browser("user")
    bomb = {"files": ("a.txt", b"x" * (21 << 20))}
    assert owner.post("/api/v1/documents", files=bomb).status_code == 413
    assert owner.post("/api/v1/ask", content=b"[" * (9 << 20)).status_code == 413
    assert user.post("/api/v1/documents", files={"files": ("a.txt", b"x")}).status_code == 403
    endless = (b"x" * (1 << 20) for _ in range(30))
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert owner.post("/api/v1/documents", content=endless, headers=headers).status_code == 413
    made.assistant.close()


@pytest.mark.parametrize("address", ["file:///etc/passwd", "gopher://127.0.0.1", "/etc/passwd"])
def test_only_web_addresses_are_fetched(house: House, address: str) -> None:
    assert house.browser("owner").post("/api/v1/documents/address", json={"address": address}).status_code == 400


def test_the_homes_own_token_still_opens_everything(house: House) -> None:
    response = house.bearing(HOME_TOKEN).post("/own/people/list", json={})
    assert response.status_code == 200
    assert house.bearing("wrong").post("/own/people/list", json={}).status_code == 401


def test_half_a_character_is_refused_and_not_an_accident(house: House) -> None:
    for path in ("/api/v1/ask", "/v1/chat/completions"):
        body = b'{"question": "\\ud800", "messages": [{"role": "user", "content": "\\ud800"}], "model": "crossroads"}'
        headers = {**OURS, "content-type": "application/json"}
        assert house.browser("user").post(path, content=body, headers=headers).status_code in (400, 422)


def test_another_address_wants_accounts(home: Path) -> None:
    with open_fake(home, serve={"host": "0.0.0.0"}) as assistant:  # noqa: S104
        with pytest.raises(SettingsError, match="no accounts"):
            _check_exposure(assistant.settings)
        assistant.people.add("ann", "owner")
        _check_exposure(assistant.settings)
