"""Random secrets, what is kept of them, and forms that only our own page can have made."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import Callable

from sqlalchemy import insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from assistant.database import writing
from assistant.people.tables import secret_values
from graphs.errors import StorageError

FORM_SECONDS = 3600
Clock = Callable[[], float]
now: Clock = time.time


def fresh() -> str:
    """A secret nobody can guess."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a secret: enough to know it again, too little to use it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def signing_key(engine: Engine) -> str:
    """The key that signs forms; every process on one database has the same."""
    wanted = secret_values.c.name == "signing"
    with engine.connect() as connection:
        found = connection.execute(select(secret_values.c.value).where(wanted)).scalar()
    if found is not None:
        return str(found)
    with contextlib.suppress(IntegrityError, StorageError), writing(engine) as connection:  # or another was faster
        connection.execute(insert(secret_values).values(name="signing", value=fresh()))
    with engine.connect() as connection:
        return str(connection.execute(select(secret_values.c.value).where(wanted)).scalar_one())


class Forms:
    """A mark in each form that belongs to a cookie of the same browser: another site's page has neither."""

    def __init__(self, key: str) -> None:
        from itsdangerous import URLSafeTimedSerializer

        self._signer = URLSafeTimedSerializer(key, salt="form")

    def mark(self, nonce: str) -> str:
        """The mark for a browser whose cookie holds `nonce`."""
        return str(self._signer.dumps(digest(nonce)))

    def fits(self, nonce: str, mark: str) -> bool:
        """Whether a mark was made for that cookie, not too long ago."""
        from itsdangerous import BadData

        try:
            known = str(self._signer.loads(mark, max_age=FORM_SECONDS))
        except BadData:
            return False
        return bool(nonce) and secrets.compare_digest(known, digest(nonce))
