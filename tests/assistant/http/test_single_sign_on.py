"""Single sign-on against a provider of OpenID Connect on loopback, with real signatures, PKCE, state and nonce."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import RSAKey

from assistant.people.accounts import Account
from tests.assistant.http.people_fakes import House

KEY, OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "one"})
CLIENT = "crossroads"


class Provider:
    """Vouches for whoever `claims` describe; `spoil` changes what the id token says at the last moment."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.spoil: dict[str, Any] = {}
        self.key = KEY
        self.asked: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(self)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                provider.give_token(self, {name: values[0] for name, values in parse_qs(body).items()})

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        if parts.path == "/.well-known/openid-configuration":
            places = {name: f"{self.url}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
            return send(handler, {"issuer": self.url, "id_token_signing_alg_values_supported": ["RS256"], **places})
        if parts.path == "/jwks_uri":
            return send(handler, {"keys": [KEY.as_dict(private=False)]})
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        code = f"code-{len(self.asked)}"
        self.asked[code] = asked
        handler.send_response(302)
        handler.send_header("location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")
        handler.end_headers()

    def give_token(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        asked = self.asked.pop(form["code"])
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        assert proof == asked["code_challenge"]
        assert form["redirect_uri"] == asked["redirect_uri"]
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"], **self.claims}
        token = jwt.encode({"alg": "RS256", "kid": "one"}, {**claims, **self.spoil}, self.key)
        send(handler, {"access_token": "a", "token_type": "Bearer", "id_token": token})


def send(handler: BaseHTTPRequestHandler, value: Any) -> None:
    body = json.dumps(value).encode()
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def provider(server: Provider) -> Provider:
    server.claims, server.spoil, server.key = {}, {}, KEY
    return server


def opened(home: Path, provider: Provider, role: str = "") -> House:
    people = {"oidc_issuer": provider.url, "oidc_client_id": CLIENT, "oidc_client_secret": "s", "oidc_role": role}
    return House(home, people=people)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, server: Provider) -> Iterator[House]:
    made = opened(tmp_path_factory.mktemp("oidc") / "home", server)
    yield made
    made.assistant.close()


def come_back(browser: TestClient) -> Any:
    """Through the provider and back, as a browser goes."""
    gone = browser.get("/login/oidc")
    assert gone.status_code == 302, gone.text
    with httpx.Client() as client:
        back = urlsplit(client.get(gone.headers["location"]).headers["location"])
    return browser.get(f"{back.path}?{back.query}")


def someone(house: House, name: str) -> Account:
    return house.people.add(name, "expert")


def test_somebody_added_under_a_verified_address_comes_in_and_is_known_afterwards(
    house: House, provider: Provider
) -> None:
    account = someone(house, "ann@example.com")
    provider.claims = {"sub": "1", "email": "Ann@Example.com", "email_verified": True}
    browser = house.nobody()
    assert come_back(browser).status_code == 303
    assert browser.get("/api/v1/me").json()["person"] == account.person
    provider.claims = {"sub": "1", "email": "changed@example.com", "email_verified": True}
    assert come_back(browser).status_code == 303
    assert browser.get("/api/v1/me").json()["person"] == account.person


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "2", "email": "bob@example.com"},
        {"sub": "2", "email": "bob@example.com", "email_verified": False},
        {"sub": "2", "email": "bob@example.com", "email_verified": "true"},
        {"sub": "2", "email": "stranger@example.com", "email_verified": True},
    ],
)
def test_an_address_nobody_verified_or_knows_opens_nothing(
    house: House, provider: Provider, claims: dict[str, Any]
) -> None:
    if not any(account.name == "bob@example.com" for account in house.people.list()):
        someone(house, "bob@example.com")
    provider.claims = claims
    browser = house.nobody()
    assert come_back(browser).status_code == 401
    assert browser.get("/api/v1/me").status_code == 401


def test_a_second_subject_does_not_take_over_an_account(house: House, provider: Provider) -> None:
    someone(house, "carl@example.com")
    provider.claims = {"sub": "carl", "email": "carl@example.com", "email_verified": True}
    assert come_back(house.nobody()).status_code == 303
    provider.claims = {"sub": "mallory", "email": "carl@example.com", "email_verified": True}
    assert come_back(house.nobody()).status_code == 401


@pytest.mark.parametrize("spoiled", [{"nonce": "old"}, {"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}])
def test_a_token_that_is_not_for_us_or_not_of_now_opens_nothing(
    house: House, provider: Provider, spoiled: dict[str, Any]
) -> None:
    provider.claims = {"sub": "1", "email": "ann@example.com", "email_verified": True}
    provider.spoil = spoiled
    assert come_back(house.nobody()).status_code == 401


def test_a_token_signed_by_somebody_else_opens_nothing(house: House, provider: Provider) -> None:
    provider.claims, provider.key = {"sub": "1"}, OTHER_KEY
    assert come_back(house.nobody()).status_code == 401


def test_an_answer_to_another_browsers_question_opens_nothing(house: House, provider: Provider) -> None:
    provider.claims = {"sub": "1"}
    gone = house.nobody().get("/login/oidc")
    back = urlsplit(httpx.get(gone.headers["location"]).headers["location"])
    assert house.nobody().get(f"{back.path}?{back.query}").status_code == 401


def test_who_is_shut_out_stays_out(house: House, provider: Provider) -> None:
    account = someone(house, "dora@example.com")
    provider.claims = {"sub": "dora", "email": "dora@example.com", "email_verified": True}
    assert come_back(house.nobody()).status_code == 303
    house.people.change(account.person, disabled=True)
    assert come_back(house.nobody()).status_code == 401


def test_newcomers_get_the_role_that_is_set(home: Path, provider: Provider) -> None:
    made = opened(home, provider, "user")
    provider.claims = {"sub": "9", "email": "new@example.com", "email_verified": True}
    browser = made.nobody()
    assert come_back(browser).status_code == 303
    assert browser.get("/api/v1/me").json()["role"] == "user"
    made.assistant.close()


def test_a_provider_that_is_down_is_said(home: Path, provider: Provider) -> None:
    made = House(home, people={"oidc_issuer": "http://127.0.0.1:1", "oidc_client_id": "c", "oidc_client_secret": "s"})
    response = made.nobody().get("/login/oidc")
    assert response.status_code == 401
    assert "did not sign you in" in response.text
    assert "organisation" in made.nobody().get("/login").text
    made.assistant.close()
