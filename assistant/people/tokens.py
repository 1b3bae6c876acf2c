"""Tokens: what a program sends instead of a password. Each belongs to a person, has scopes, and expires."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Engine, Row

from assistant.database import writing
from assistant.people import secret
from assistant.people.accounts import Account
from assistant.people.caller import Caller, NotAllowedError
from assistant.people.roles import MAY, SCOPES, Permission
from assistant.people.tables import accounts, tokens
from graphs.answer import Record
from graphs.errors import NotFoundError, UsageError

PREFIX = "cr_"
DEFAULT_DAYS, MOST_DAYS = 90, 366
_Tokens = list["Token"]


class Token(Record):
    """A token as it is listed: the secret itself is shown once, when it is made."""

    token_id: str
    person: str
    name: str
    scopes: list[str]
    created: str
    expires: str
    expired: bool


class Tokens:
    """The tokens of one home."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make(self, account: Account, name: str, scopes: Sequence[str], days: float = DEFAULT_DAYS) -> tuple[str, Token]:
        """A new token: its secret and its record. Raises `UsageError`, and `NotAllowedError` beyond the role."""
        name = " ".join(name.split())[:80]
        if not name:
            raise UsageError("A token needs a name.", "Say what it is for.")
        if not 0 < days <= MOST_DAYS:
            raise UsageError(f"A token cannot live {days:g} days.", f"Choose 1 to {MOST_DAYS}.")
        made, wanted = PREFIX + secret.fresh(), _scopes(account, scopes)
        row = {
            "token_id": uuid.uuid4().hex,
            "digest": secret.digest(made),
            "person": account.person,
            "name": name,
            "scopes": " ".join(wanted),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "expires": secret.now() + days * 86400,
        }
        with writing(self._engine) as connection:
            connection.execute(insert(tokens).values(row))
        return made, self.get(str(row["token_id"]))

    def get(self, token_id: str) -> Token:
        """One token. Raises `NotFoundError`."""
        with self._engine.connect() as connection:
            row = connection.execute(select(tokens).where(tokens.c.token_id == token_id)).first()
        if row is None:
            raise NotFoundError(f"There is no token {token_id!r}.", "See `crossroads people token list`.")
        return _token(row)

    def list(self, person: str = "") -> _Tokens:
        """All tokens, or one person's; the newest first."""
        query = select(tokens).order_by(tokens.c.created.desc(), tokens.c.token_id)
        query = query.where(tokens.c.person == person) if person else query
        with self._engine.connect() as connection:
            return [_token(row) for row in connection.execute(query)]

    def revoke(self, token_id: str, person: str = "") -> None:
        """From now on it opens nothing. Raises `NotFoundError`, also for another person's where `person` is given."""
        found = self.get(token_id)
        if person and found.person != person:
            raise NotFoundError(f"There is no token {token_id!r}.", "See your own tokens.")
        with writing(self._engine) as connection:
            connection.execute(delete(tokens).where(tokens.c.token_id == token_id))

    def caller(self, given: str) -> Caller | None:
        """Who sends a token; None where it is unknown, revoked or expired, or its person is shut out."""
        query = (
            select(tokens, accounts.c.name.label("who"), accounts.c.role, accounts.c.disabled)
            .join(accounts, accounts.c.person == tokens.c.person)
            .where(tokens.c.digest == secret.digest(given))
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None or row.expires < secret.now() or row.disabled:
            return None
        may = frozenset(row.scopes.split()) & MAY[row.role]  # a role that was taken away takes its scopes with it
        return Caller(row.person, row.who, row.role, may, "token")


def _scopes(account: Account, scopes: Sequence[str]) -> list[Permission]:
    wanted: list[Permission] = [scope for scope in SCOPES if scope in scopes]
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not wanted:
        named = unknown[0] if unknown else ""
        raise UsageError(f"There is no scope {named!r}.", f"Choose of {', '.join(SCOPES)}.")
    beyond = [scope for scope in wanted if scope not in MAY[account.role]]
    if beyond:
        cure = f"As {account.role} choose of {', '.join(scope for scope in SCOPES if scope in MAY[account.role])}."
        raise NotAllowedError(f"A token of {account.name!r} cannot have the scope {beyond[0]!r}.", cure)
    return wanted


def _token(row: Row[Any]) -> Token:
    return Token(
        token_id=row.token_id,
        person=row.person,
        name=row.name,
        scopes=row.scopes.split(),
        created=row.created,
        expires=datetime.fromtimestamp(row.expires, UTC).isoformat(timespec="seconds"),
        expired=row.expires < secret.now(),
    )
