"""Signing in and out, accepting an invitation. Plain forms that need no script.

A form carries a mark that belongs to a cookie of the same browser; a session is made anew at every sign-in, so that
whoever planted one before gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from assistant.http.guard import COOKIE
from assistant.http.needs import caller_of, needs
from assistant.http.sign_in_page import invitation_page, refusal_page, sign_in_page
from assistant.people import secret
from assistant.people.accounts import LONGEST_NAME, LONGEST_PASSWORD, Account, People
from assistant.people.accounts import caller_of as caller_for
from assistant.people.caller import NOBODY, SignInError
from assistant.people.rates import Rates
from graphs.errors import CrossroadsError, UsageError

if TYPE_CHECKING:
    from assistant.app import Assistant

FORM_COOKIE = "crossroads_form"
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # without any, browsers send the forms with the origin null
    "cache-control": "no-store",
}
_Name = Annotated[str, Form(max_length=LONGEST_NAME)]
_Password = Annotated[str, Form(max_length=LONGEST_PASSWORD)]
_Mark = Annotated[str, Form(max_length=500)]


def sign_in_router(assistant: Assistant, rates: Rates) -> APIRouter:
    """The pages and what their forms send."""
    router = APIRouter(include_in_schema=False)
    _signing_in(router, assistant, rates)
    _invitations(router, assistant, rates)

    @router.post("/logout", dependencies=[needs("signed_in")])
    def sign_out(request: Request) -> Response:
        """End the session."""
        assistant.people.close_session(request.cookies.get(COOKIE, ""))
        response = JSONResponse({"ok": True})
        response.delete_cookie(COOKIE)
        return response

    return router


def _signing_in(router: APIRouter, assistant: Assistant, rates: Rates) -> None:
    people, single = assistant.people, assistant.settings.people.oidc_issuer

    @router.get("/login", dependencies=[needs("open")])
    def form(request: Request, next: str = "") -> Response:  # noqa: A002
        """The form; straight on where nobody needs to sign in."""
        if not people.on() or caller_of(request).via == "session":
            return RedirectResponse(_inside(next), 303)
        return _with_form(request, lambda mark: sign_in_page(mark, _inside(next), single_sign_on=bool(single)), people)

    @router.post("/login", dependencies=[needs("open")])
    def sign_in(
        request: Request,
        name: _Name = "",
        password: _Password = "",
        mark: _Mark = "",
        next: _Mark = "",  # noqa: A002
    ) -> Response:
        """Sign in, and go on to where one wanted to go."""
        try:
            _checked(request, mark, name, rates, assistant)
            account = people.sign_in(name, password)
        except CrossroadsError as error:
            if isinstance(error, SignInError):  # each was counted, so nobody fills the log with these
                people.audit.add(NOBODY, "sign in", outcome="refused")
            return _again(request, error, _inside(next), assistant)
        return enter(request, account, _inside(next), assistant)


def _invitations(router: APIRouter, assistant: Assistant, rates: Rates) -> None:
    people = assistant.people

    @router.get("/invite/{invitation}", dependencies=[needs("open")])
    def invited(request: Request, invitation: str) -> Response:
        """Where somebody who was invited chooses a password."""
        try:
            account = people.invited(invitation)
        except CrossroadsError as error:
            return HTMLResponse(refusal_page(error), 404, HEADERS)
        return _with_form(request, lambda mark: invitation_page(mark, invitation, account.name), people)

    @router.post("/invite/{invitation}", dependencies=[needs("open")])
    def accept(request: Request, invitation: str, password: _Password = "", mark: _Mark = "") -> Response:
        """Set the password; the invitation is used up, and one is signed in."""
        try:
            name = people.invited(invitation).name
            _checked(request, mark, invitation, rates, assistant)
            account = people.accept(invitation, password)
        except SignInError as error:
            return HTMLResponse(refusal_page(error), 404, HEADERS)
        except CrossroadsError as error:
            said = str(error)
            return _with_form(request, lambda mark: invitation_page(mark, invitation, name, said), people, 400)
        people.audit.add(caller_for(account), "accept invitation")
        return enter(request, account, "/", assistant)


def enter(request: Request, account: Account, where: str, assistant: Assistant) -> Response:
    """A fresh session, and on to `where`."""
    made = assistant.people.open_session(account, request.cookies.get(COOKIE, ""))
    assistant.people.audit.add(caller_for(account), "sign in")
    response = RedirectResponse(where, 303, HEADERS)
    most = int(assistant.settings.people.session_hours * 3600)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, made, max_age=most, httponly=True, secure=secure, samesite="lax")
    response.delete_cookie(FORM_COOKIE)
    return response


class WaitError(UsageError):
    """Too many tries."""

    type = "rate_limited"

    def __init__(self, seconds: int) -> None:
        super().__init__("Too many tries.", f"Wait {seconds} seconds, then try again.")
        self.seconds = seconds


def _checked(request: Request, mark: str, name: str, rates: Rates, assistant: Assistant) -> None:
    """Raises where the form is not ours, or too much was tried."""
    if not assistant.people.forms.fits(request.cookies.get(FORM_COOKIE, ""), mark):
        raise UsageError("The form was open too long, or is not ours.", "Try again.")
    address = request.client.host if request.client else ""
    if seconds := rates.wait_to_sign_in(address, name):
        raise WaitError(seconds)


def _again(request: Request, error: CrossroadsError, where: str, assistant: Assistant) -> Response:
    single = bool(assistant.settings.people.oidc_issuer)
    seconds = error.seconds if isinstance(error, WaitError) else 0
    status = 429 if seconds else 401 if isinstance(error, SignInError) else 400
    response = _with_form(
        request, lambda mark: sign_in_page(mark, where, str(error), single_sign_on=single), assistant.people, status
    )
    if seconds:
        response.headers["retry-after"] = str(seconds)
    return response


def _with_form(request: Request, page: Callable[[str], str], people: People, status: int = 200) -> Response:
    nonce = request.cookies.get(FORM_COOKIE) or secret.fresh()
    response = HTMLResponse(page(people.forms.mark(nonce)), status, HEADERS)
    secure = request.url.scheme == "https"
    response.set_cookie(
        FORM_COOKIE, nonce, max_age=secret.FORM_SECONDS, httponly=True, secure=secure, samesite="strict"
    )
    return response


def _inside(where: str) -> str:
    """A path of ours, whatever was asked for: nobody is led to another site after signing in."""
    plain = where.startswith("/") and not where.startswith(("//", "/\\")) and where.isprintable()
    return where if plain else "/"
