"""What the endpoints share: texts and names as they may be, and the errors that OpenAPI tells of."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def _whole(text: str) -> str:
    """Text a database can keep: no NUL, no half characters."""
    if "\x00" in text or any("\ud800" <= mark <= "\udfff" for mark in text):
        raise ValueError("holds a character that cannot be kept")
    return text


Text = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_whole)]
Short = Annotated[str, StringConstraints(max_length=200), AfterValidator(_whole)]
Name = Annotated[str, Path(max_length=200), AfterValidator(_whole)]


class Form(BaseModel):
    """A body: what it does not know is refused by name."""

    model_config = ConfigDict(extra="forbid")


class Trouble(BaseModel):
    """What went wrong, and what to do about it."""

    type: str
    message: str
    cure: str


class ErrorBody(BaseModel):
    """Every error."""

    error: Trouble


class Done(BaseModel):
    """It was done."""

    ok: bool = True


class Deleted(BaseModel):
    """How many things went."""

    deleted: int


_TOLD = {
    400: "The request cannot be taken.",
    401: "Nobody is signed in, or the token is not good.",
    403: "The role or the token does not allow it.",
    404: "There is no such thing.",
    409: "Something else is at work.",
    413: "Too large.",
    422: "The request does not have the form this page describes.",
    429: "Too many requests; `Retry-After` says how long to wait.",
    503: "A model or the store cannot be used now.",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": told} for status, told in _TOLD.items()
}
