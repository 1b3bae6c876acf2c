"""What the page's endpoints share: who may change something, and how an error of ours leaves them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, HTTPException
from fastapi.responses import JSONResponse

from assistant.people.caller import NotAllowedError, SignInError
from graphs.errors import CrossroadsError, NotFoundError


def from_our_page(x_crossroads: Annotated[str, Header()] = "") -> None:
    """Refuse what another site's page might send."""
    if x_crossroads != "page":
        raise HTTPException(403, "This address serves Crossroads' own page. Programs use /v1 and /api/v1.")


def refused(error: CrossroadsError) -> JSONResponse:
    """An error of ours as the page shows it."""
    status = 404 if isinstance(error, NotFoundError) else 400
    status = 401 if isinstance(error, SignInError) else 403 if isinstance(error, NotAllowedError) else status
    return JSONResponse(error.as_json(), status_code=status)
