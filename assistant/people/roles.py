"""Who may do what. Permissions are also the scopes a token may have."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["user", "expert", "engineer", "owner"]
Permission = Literal[
    "ask",
    "documents",
    "documents:write",
    "grade",
    "grades",
    "evaluate",
    "train",
    "models",
    "models:promote",
    "operate",
    "people",
    "audit",
    "home",
]
Needed = Literal["open", "signed_in"] | Permission
"""What a route may ask for: nothing, any person or token, or one permission."""

ROLES: tuple[Role, ...] = get_args(Role)
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
SCOPES: tuple[Permission, ...] = tuple(one for one in PERMISSIONS if one != "home")
"""All but `home`, which is for whoever can read the home's files anyway: the commands on the same machine."""

MEANINGS: dict[Permission, str] = {
    "ask": "ask, keep conversations of one's own, vote, have things remembered",
    "documents": "read and search documents",
    "documents:write": "load and delete documents",
    "grade": "grade answers and compare them blindly",
    "grades": "see everyone's grades and make training data of them",
    "evaluate": "run evaluations and read their reports",
    "train": "start, stop and watch training",
    "models": "see the versions of models",
    "models:promote": "take a version live, and roll back",
    "operate": "read the service's figures",
    "people": "see, invite and disable people, and change their roles",
    "audit": "read who did what, and when",
    "home": "have files of this machine read; only its own commands",
}

_USER: frozenset[Permission] = frozenset({"ask", "documents"})
MAY: dict[Role, frozenset[Permission]] = {
    "user": _USER,
    "expert": _USER | {"grade"},
    "engineer": _USER | {"grades", "evaluate", "train", "models", "models:promote", "operate"},
    "owner": frozenset(SCOPES),
}
"""Role → what it may do. Experts grade and do not train; engineers train and do not grade."""
