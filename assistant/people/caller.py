"""Who asks: set once for each request by the guard, read wherever rows belong to a person.

Outside a request, as in a command, it is the owner of the home.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from assistant.people.roles import MAY, PERMISSIONS, SCOPES, Needed, Permission, Role
from graphs.errors import CrossroadsError

Via = Literal["local", "home", "key", "session", "token", "nobody"]


class SignInError(CrossroadsError):
    """Nobody is signed in, or the token or session is no longer good."""

    type = "sign_in"


class NotAllowedError(CrossroadsError):
    """The role or the token does not allow it."""

    type = "not_allowed"


@dataclass(frozen=True)
class Caller:
    """A person, or a program in a person's name. `person` is empty where there are no accounts."""

    person: str
    name: str
    role: Role | None
    may: frozenset[Permission]
    via: Via
    notes: list[str] = field(default_factory=list, compare=False)
    """What the log should say beside the address that was called: which model, which document."""

    def require(self, needed: Needed) -> None:
        """Raises `SignInError` or `NotAllowedError` where this caller may not."""
        if needed == "open":
            return
        if self.via == "nobody":
            raise SignInError("Nobody is signed in.", "Sign in on the page, or send a token as a bearer token.")
        if needed == "signed_in" or needed in self.may:
            return
        if self.via == "token":
            raise NotAllowedError(f"This token lacks the scope {needed!r}.", "Make one that has it.")
        roles = [role for role, allowed in MAY.items() if needed in allowed]
        who = f"People with the role {' or '.join(roles)} may." if roles else "Only commands on this machine may."
        raise NotAllowedError(f"The role {self.role!r} may not do this: it needs {needed!r}.", who)


LOCAL = Caller("", "", "owner", frozenset(PERMISSIONS), "local")
HOME = Caller("", "", "owner", frozenset(PERMISSIONS), "home")
KEY = Caller("", "", "owner", frozenset(SCOPES), "key")
NOBODY = Caller("", "", None, frozenset(), "nobody")

CALLER: ContextVar[Caller] = ContextVar("crossroads_caller", default=LOCAL)


def current() -> Caller:
    """Who asks now."""
    return CALLER.get()


def note(text: str) -> None:
    """Say for the log what is done: names and ids, never content."""
    current().notes.append(text[:200])
