"""An assistant with a person of every role, each signed in, behind the whole application."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from assistant.app import Assistant
from assistant.http.application import build_application
from assistant.http.guard import COOKIE
from assistant.people.roles import ROLES, Role
from tests.assistant.home_fakes import open_fake

HOME_TOKEN = "the-token-of-the-home"
PASSWORD = "correct horse battery"
OURS = {"x-crossroads": "page"}


class House:
    """The application, and a client for whoever calls."""

    def __init__(self, home: Path, *, page: bool = False, **settings: Any) -> None:
        self.assistant: Assistant = open_fake(home, **settings)
        self.people = self.assistant.people
        for role in reversed(ROLES):  # an owner comes first
            self.people.add(role.title(), role)
        self.app = build_application(self.assistant, HOME_TOKEN, page=page)

    def nobody(self) -> TestClient:
        """A browser in which nobody is signed in."""
        return TestClient(self.app, base_url="http://127.0.0.1", raise_server_exceptions=False, follow_redirects=False)

    def browser(self, role: Role) -> TestClient:
        """A browser in which the person of that role is signed in."""
        client = self.nobody()
        client.cookies.set(COOKIE, self.people.open_session(self.people.get(role)))
        client.headers.update(OURS)
        return client

    def program(self, role: Role, *scopes: str) -> TestClient:
        """A program with a token of that person."""
        secret, _ = self.assistant.tokens.make(self.people.get(role), "test", scopes)
        return self.bearing(secret)

    def bearing(self, secret: str) -> TestClient:
        """A program that sends that secret."""
        client = self.nobody()
        client.headers["authorization"] = f"Bearer {secret}"
        return client
