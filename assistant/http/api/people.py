"""People, their tokens, and the log of who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from assistant.http.api.forms import Deleted, Form, Name, Short
from assistant.http.needs import needs
from assistant.people.accounts import Account
from assistant.people.audit import Line
from assistant.people.caller import NotAllowedError, current, note
from assistant.people.rights import Forgotten, export_person, forget_person
from assistant.people.roles import Role
from assistant.people.tokens import DEFAULT_DAYS, MOST_DAYS, Token
from graphs.errors import NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant


class Newcomer(Form):
    """Whom to invite, and as what."""

    name: Short
    role: Role


class Changes(Form):
    """Another role, or shut out and let in again."""

    role: Role | None = None
    disabled: bool | None = None


class Invited(BaseModel):
    """The person, and the address at which they choose a password: shown once, good once, for a week."""

    account: Account
    invitation: str


class Everyone(BaseModel):
    """All accounts."""

    people: list[Account]


class NewToken(Form):
    """What a token is for, what it may, and for how many days."""

    name: Short
    scopes: list[Short] = Field(min_length=1, max_length=20)
    days: float = Field(default=DEFAULT_DAYS, gt=0, le=MOST_DAYS)


class Made(BaseModel):
    """A new token. `secret` is shown this once."""

    secret: str
    token: Token


class TokenList(BaseModel):
    """Tokens, the newest first."""

    tokens: list[Token]


class Log(BaseModel):
    """Lines of the log, the newest first; the last one's `position` as `before` pages on."""

    lines: list[Line]


def router(assistant: Assistant) -> APIRouter:
    """Accounts, tokens, the log."""
    made = APIRouter()
    _accounts(made, assistant)
    _rights(made, assistant)
    _tokens(made, assistant)

    @made.get("/audit", dependencies=[needs("audit")], tags=["people"])
    def log(
        most: Annotated[int, Query(ge=1, le=1000)] = 200,
        before: Annotated[int, Query(ge=0, le=2**62)] = 0,
        person: Short = "",
    ) -> Log:
        """Who did what, and when."""
        return Log(lines=assistant.people.audit.list(most, before, person))

    return made


def _accounts(made: APIRouter, assistant: Assistant) -> None:
    people, may = assistant.people, [needs("people")]

    @made.get("/people", dependencies=may, tags=["people"])
    def listed() -> Everyone:
        """Everyone."""
        return Everyone(people=people.list())

    @made.post("/people", dependencies=may, status_code=201, tags=["people"])
    def invite(newcomer: Newcomer) -> Invited:
        """Add somebody; they choose their password at the address that comes back."""
        account = people.add(newcomer.name, newcomer.role)
        note(f"{account.person} as {account.role}")
        return Invited(account=account, invitation=f"/invite/{people.invite(account.person)}")

    @made.post("/people/{person}/invitation", dependencies=may, tags=["people"])
    def again(person: Name) -> Invited:
        """Another invitation, for whoever lost theirs or forgot the password; the one before no longer works."""
        account = people.get(person)
        return Invited(account=account, invitation=f"/invite/{people.invite(account.person)}")

    @made.patch("/people/{person}", dependencies=may, tags=["people"])
    def change(person: Name, changes: Changes) -> Account:
        """Another role, or shut out and let in again."""
        account = people.change(person, changes.role, changes.disabled)
        note(f"{account.person}: {account.role}{', disabled' if account.disabled else ''}")
        return account


def _rights(made: APIRouter, assistant: Assistant) -> None:
    @made.get("/people/{person}/export", dependencies=[needs("signed_in")], tags=["people"])
    def export(person: Name) -> dict[str, Any]:
        """Everything that is kept of one person; one's own with any role."""
        _own_or_owner(person)
        return export_person(assistant, person)

    @made.delete("/people/{person}", dependencies=[needs("people")], tags=["people"])
    def forget(person: Name, grades: Literal["anonymise", "delete"] = "anonymise") -> Forgotten:
        """Delete a person with their conversations, votes and remembered facts; grades lose their name, or go too."""
        return forget_person(assistant, person, grades)


def _own_or_owner(person: str) -> None:
    if "people" not in current().may and person != current().person:
        raise NotFoundError(f"{person!r} is not you.", "Ask for your own, whose id /me tells, or ask an owner.")
    if current().via == "token":
        current().require("people")


def _tokens(made: APIRouter, assistant: Assistant) -> None:
    tokens, may = assistant.tokens, [needs("signed_in")]

    @made.get("/tokens", dependencies=may, tags=["tokens"])
    def listed() -> TokenList:
        """One's own tokens; with the permission `people` everyone's."""
        return TokenList(tokens=tokens.list("" if "people" in current().may else current().person or "-"))

    @made.post("/tokens", dependencies=may, status_code=201, tags=["tokens"])
    def make(wanted: NewToken) -> Made:
        """A new token of one's own, with scopes one's role has. Not with a token: a stolen one must not breed."""
        if not current().person or current().via == "token":
            raise NotAllowedError("Only a person who is signed in makes tokens.", "Sign in; without accounts none are.")
        secret, token = tokens.make(assistant.people.get(current().person), wanted.name, wanted.scopes, wanted.days)
        note(f"{token.token_id}: {' '.join(token.scopes)}")
        return Made(secret=secret, token=token)

    @made.delete("/tokens/{token_id}", dependencies=may, tags=["tokens"])
    def revoke(token_id: Name) -> Deleted:
        """From now on it opens nothing. With the permission `people` also somebody else's."""
        tokens.revoke(token_id, "" if "people" in current().may else current().person or "-")
        return Deleted(deleted=1)
