"""Accounts: who there is, in which role, and how they sign in."""

from __future__ import annotations

import threading
import time
import unicodedata
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.exc import IntegrityError

from assistant.database import metadata, writing
from assistant.people import secret
from assistant.people.audit import Audit
from assistant.people.caller import Caller, SignInError
from assistant.people.roles import MAY, ROLES, Role
from assistant.people.tables import accounts, invitations, sessions, tokens
from graphs.answer import Record
from graphs.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from assistant.config import Settings

INVITED_DAYS = 7
LEAST_PASSWORD, LONGEST_PASSWORD = 10, 200
LONGEST_NAME = 80
_LOOK_SECONDS = 1.0
Accounts = list["Account"]


class Account(Record):
    """A person as others see them."""

    person: str
    name: str
    role: Role
    disabled: bool
    invited: bool
    """Whether they have not yet chosen a password, nor come by single sign-on."""
    created: str


class People:
    """The accounts of one home, with their sessions. Without any, whoever reaches the loopback address is the owner."""

    def __init__(self, engine: Engine, settings: Settings, hand_over: Callable[[str], None] | None = None) -> None:
        """`hand_over` gives the first person what is kept elsewhere than in the database."""
        self._hand_over = hand_over
        self.engine = engine
        self.audit = Audit(engine)
        self._settings = settings.people
        self._on = False
        self._looked = -_LOOK_SECONDS
        self._lock = threading.Lock()
        self._forms: secret.Forms | None = None

    def on(self) -> bool:
        """Whether one must sign in: once there is an account, or single sign-on is set. It never goes back to open."""
        if not self._on and time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._on = bool(self._settings.oidc_issuer) or self._count() > 0
        return self._on

    @property
    def forms(self) -> secret.Forms:
        """What signs the forms of this home."""
        with self._lock:
            if self._forms is None:
                self._forms = secret.Forms(secret.signing_key(self.engine))
            return self._forms

    def list(self) -> Accounts:
        """Everyone, by name."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(accounts).order_by(accounts.c.folded)).all()
        return [_account(row) for row in rows]

    def get(self, wanted: str) -> Account:
        """One person by id or name. Raises `NotFoundError`."""
        return _account(self._row(wanted))

    def add(self, name: str, role: str, password: str = "", subject: str = "") -> Account:
        """A new account. The first must be an owner, and takes over what was in the home before.

        Raises `UsageError` for a name that is taken, an unknown role, or a password that is too short.
        """
        name, role = checked_name(name), checked_role(role)
        hashed = hash_password(password) if password else ""
        row = {"person": uuid.uuid4().hex, "name": name, "folded": name.casefold(), "role": role, "disabled": 0}
        row |= {"password": hashed, "subject": subject, "created": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            with writing(self.engine) as connection:
                first = not connection.execute(select(func.count()).select_from(accounts)).scalar()
                if first and role != "owner":
                    cure = "Add an owner first: crossroads people add NAME --role owner."
                    raise UsageError(f"The first account cannot be {role!r}.", cure)
                if connection.execute(select(accounts.c.person).where(accounts.c.folded == row["folded"])).first():
                    raise _taken(name)
                connection.execute(insert(accounts).values(row))
                if first:
                    _take_over(connection, str(row["person"]))
        except IntegrityError:  # another process was faster
            raise _taken(name) from None
        self._on = True
        if first and self._hand_over:
            self._hand_over(str(row["person"]))
        return self.get(str(row["person"]))

    def change(self, wanted: str, role: str | None = None, disabled: bool | None = None) -> Account:
        """Another role, or shut out and let in again. Raises `UsageError` where no owner would be left."""
        row = self._row(wanted)
        values: dict[str, Any] = {} if role is None else {"role": checked_role(role)}
        values |= {} if disabled is None else {"disabled": int(disabled)}
        with writing(self.engine) as connection:
            if values:
                connection.execute(update(accounts).where(accounts.c.person == row.person).values(values))
            _someone_owns(connection)
            if disabled:
                for table in (sessions, invitations):
                    connection.execute(delete(table).where(table.c.person == row.person))
        return self.get(row.person)

    def delete(self, wanted: str) -> Account:
        """Delete the account with its sessions, invitations and tokens. Raises `UsageError` for the last owner."""
        found = self.get(wanted)
        with writing(self.engine) as connection:
            for table in (sessions, invitations, tokens, accounts):
                connection.execute(delete(table).where(table.c.person == found.person))
            if connection.execute(select(func.count()).select_from(accounts)).scalar():
                _someone_owns(connection)
        return found

    def invite(self, wanted: str) -> str:
        """A secret with which the person chooses a password, once, within a week; earlier ones no longer work."""
        row, made = self._row(wanted), secret.fresh()
        expires = secret.now() + INVITED_DAYS * 86400
        with writing(self.engine) as connection:
            connection.execute(delete(invitations).where(invitations.c.person == row.person))
            values = {"digest": secret.digest(made), "person": row.person, "expires": expires}
            connection.execute(insert(invitations).values(values))
        return made

    def invited(self, invitation: str) -> Account:
        """Whom an invitation is for. Raises `SignInError` where it is used up or too old."""
        query = select(invitations).where(invitations.c.digest == secret.digest(invitation))
        with self.engine.connect() as connection:
            found = connection.execute(query).first()
        if found is None or found.expires < secret.now():
            raise SignInError("This invitation is used up or too old.", "Ask an owner for another.")
        return self.get(found.person)

    def accept(self, invitation: str, password: str) -> Account:
        """Use an invitation up: the password is set, and every older session ends."""
        account, hashed = self.invited(invitation), hash_password(password)
        with writing(self.engine) as connection:
            gone = delete(invitations).where(invitations.c.digest == secret.digest(invitation))
            if not connection.execute(gone).rowcount:  # somebody else was faster
                raise SignInError("This invitation is used up or too old.", "Ask an owner for another.")
            connection.execute(delete(sessions).where(sessions.c.person == account.person))
            setting = update(accounts).where(accounts.c.person == account.person).values(password=hashed)
            connection.execute(setting)
        return self.get(account.person)

    def sign_in(self, name: str, password: str) -> Account:
        """The person of that name and password. Raises `SignInError`, which never says which of the two is wrong."""
        with self.engine.connect() as connection:
            query = select(accounts).where(accounts.c.folded == " ".join(name.split()).casefold())
            row = connection.execute(query).first()
        known = row is not None and bool(row.password)
        right = _fits(row.password if row is not None and known else _decoy(), password)
        if row is None or not (known and right) or row.disabled:
            raise SignInError("Name or password is wrong.", "Try again, or ask an owner for an invitation.")
        return _account(row)

    def by_subject(self, subject: str) -> Account | None:
        """The person a single sign-on knows by this issuer and subject."""
        with self.engine.connect() as connection:
            row = connection.execute(select(accounts).where(accounts.c.subject == subject)).first()
        return _account(row) if row is not None and subject else None

    def link(self, person: str, subject: str) -> Account:
        """From now on a single sign-on may sign this person in. Only where none did before."""
        mine = (accounts.c.person == person) & (accounts.c.subject == "")
        with writing(self.engine) as connection:
            connection.execute(update(accounts).where(mine).values(subject=subject))
        return self.get(person)

    def open_session(self, account: Account, before: str = "") -> str:
        """A new session's secret; the one this browser held before, whoever gave it, is ended."""
        made, now = secret.fresh(), secret.now()
        expires = now + self._settings.session_hours * 3600
        with writing(self.engine) as connection:
            old = (sessions.c.digest == secret.digest(before)) | (sessions.c.expires < now)
            connection.execute(delete(sessions).where(old))
            values = {"digest": secret.digest(made), "person": account.person, "expires": expires}
            connection.execute(insert(sessions).values(values))
        return made

    def close_session(self, session: str) -> None:
        """End a session."""
        with writing(self.engine) as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == secret.digest(session)))

    def of_session(self, session: str) -> Caller | None:
        """Who holds a session; None where it ended, expired or was never given, or its person is shut out."""
        query = (
            select(accounts, sessions.c.expires)
            .join(sessions, sessions.c.person == accounts.c.person)
            .where(sessions.c.digest == secret.digest(session))
        )
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None or row.expires < secret.now() or row.disabled:
            return None
        return caller_of(_account(row))

    def _row(self, wanted: str) -> Row[Any]:
        query = select(accounts).where(
            (accounts.c.person == wanted) | (accounts.c.folded == " ".join(wanted.split()).casefold())
        )
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(f"There is nobody called {wanted!r}.", "See `crossroads people list`.")
        return row

    def _count(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(accounts)).scalar() or 0


def _taken(name: str) -> UsageError:
    return UsageError(f"There is somebody called {name!r} already.", "Choose another name.")


def caller_of(account: Account) -> Caller:
    """A signed-in person as a caller."""
    return Caller(account.person, account.name, account.role, MAY[account.role], "session")


def checked_name(name: str) -> str:
    """The name as it is kept. Raises `UsageError`."""
    plain = " ".join(name.split())
    hidden = any(unicodedata.category(mark).startswith("C") for mark in plain)
    if not plain or len(plain) > LONGEST_NAME or hidden:
        raise UsageError(f"Nobody can be called {plain[:100]!r}.", f"Write 1 to {LONGEST_NAME} visible characters.")
    return plain


def checked_role(role: str) -> Role:
    """The role of that name. Raises `UsageError`."""
    for known in ROLES:
        if role == known:
            return known
    raise UsageError(f"There is no role {role!r}.", f"Choose one of {', '.join(ROLES)}.")


def hash_password(password: str) -> str:
    """The argon2 hash. Raises `UsageError` where the password is too short or too long."""
    from argon2 import PasswordHasher

    if not LEAST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        cure = f"Choose {LEAST_PASSWORD} to {LONGEST_PASSWORD} characters."
        raise UsageError(f"A password of {len(password)} characters is not taken.", cure)
    return str(PasswordHasher().hash(password))


def _fits(hashed: str, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import VerificationError

    try:
        return PasswordHasher().verify(hashed, password[: LONGEST_PASSWORD + 1])
    except VerificationError:
        return False


_DECOYS: list[str] = []


def _decoy() -> str:
    """A hash nobody has the password of: an unknown name takes as long to refuse as a known one."""
    if not _DECOYS:
        _DECOYS.append(hash_password(secret.fresh()))
    return _DECOYS[0]


def _someone_owns(connection: Connection) -> None:
    """Raises `UsageError`, which undoes the transaction, where no owner could sign in any more."""
    owners = select(func.count()).select_from(accounts).where(accounts.c.role == "owner", accounts.c.disabled == 0)
    if not connection.execute(owners).scalar():
        raise UsageError("This is the last owner.", "Make somebody else an owner first.")


def _take_over(connection: Connection, person: str) -> None:
    """What was in the home before there were accounts belongs to the first of them."""
    for table in (metadata.tables["threads"], metadata.tables["votes"]):
        connection.execute(update(table).where(table.c.person == "").values(person=person))


def _account(row: Row[Any]) -> Account:
    return Account(
        person=row.person,
        name=row.name,
        role=row.role,
        disabled=bool(row.disabled),
        invited=not (row.password or row.subject),
        created=row.created,
    )
