"""Who calls, and whether the request may come in at all: the checks before any route sees a request.

Covers DNS rebinding (the Host must be this machine's on a loopback address), requests another site's page makes
(Origin, Sec-Fetch-Site, and a proof of the own page from whoever comes with a session), bodies without end, keys,
tokens, sessions, and how often a program may ask. Sets `assistant.people.caller` for everything that follows, and
writes what was changed, by whom, into the log.

Without accounts it does not cover other users of this machine: loopback is open to them, as the page is.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.http.body import MOST_BYTES
from assistant.people.caller import CALLER, HOME, KEY, LOCAL, NOBODY, Caller
from assistant.people.rates import Rates

if TYPE_CHECKING:
    from assistant.people.accounts import People
    from assistant.people.tokens import Tokens

COOKIE = "crossroads_session"
OPEN_PATHS = frozenset({"/health", "/ready", "/login"})
OPEN_BELOW = ("/login/", "/invite/", "/ui/static/")
"""What nobody needs to sign in for."""
UPLOADS = ("/ui/uploads", "/api/v1/documents")
_FILES_AT_ONCE = 20
_LONGEST_NAME = 255  # bytes: a file system takes no more
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_UNTOLD = frozenset({"ask", "grade", "open", "home", None})
"""What the log leaves out: one's own conversations; grades, which keep their own history; what tells it by itself."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses what should not come in, with a JSON error; tells everything behind it who calls."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        loopback: bool,
        api_key: str,
        token: str,
        people: People,
        tokens: Tokens,
        rates: Rates,
        max_file_mb: int,
    ) -> None:
        self._app = app
        self._loopback = loopback
        self._api_key = api_key
        self._token = token
        self._people = people
        self._tokens = tokens
        self._rates = rates
        self._most_uploaded = max_file_mb * _FILES_AT_ONCE << 20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with the reason why not."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        refusal: Response | None = self._foreign(scope, headers)
        caller = NOBODY
        if refusal is None:
            caller, refusal = await self._who(scope, headers)
        refusal = refusal or self._closed(scope, headers, caller) or self._too_much(scope, headers, caller)
        if refusal is None:
            return await self._pass(scope, receive, send, caller)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        await refusal(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, caller: Caller) -> None:
        scope["crossroads_caller"] = caller = Caller(caller.person, caller.name, caller.role, caller.may, caller.via)
        status = [500]

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
            await send(message)

        known = CALLER.set(caller)
        try:
            await self._app(scope, _bounded(receive, self._most(scope)), watched)
        finally:
            CALLER.reset(known)
            if _changes(scope) and scope.get("crossroads_needs") not in _UNTOLD:
                await anyio.to_thread.run_sync(self._tell, scope, caller, status[0])

    def _tell(self, scope: Scope, caller: Caller, status: int) -> None:
        about = "; ".join(caller.notes)
        outcome = "done" if status < 400 else "refused" if status in (401, 403) else str(status)
        self._people.audit.add(caller, f"{scope['method']} {scope['path']}", about, outcome)

    def _foreign(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        if self._loopback and not is_loopback(_host(headers)):
            cure = "Use the address the service printed, or set serve.host and add accounts."
            return _error(421, f"This service does not go by the name {headers.get('host', '')!r}.", cure)
        if b"%00" in scope.get("raw_path", b"") + scope["query_string"]:
            return _error(400, "The address holds a character that no name has.", "Leave %00 out.")
        if any(len(part.encode()) > _LONGEST_NAME for part in scope["path"].split("/")):
            return _error(414, "The address names something far too long.", "Shorten it.")
        if _changes(scope) and _from_elsewhere(headers):
            origin = headers.get("origin", headers.get("sec-fetch-site", ""))
            return _error(403, f"A page of {origin!r} may not use this service.", "Use the service's own page.")
        return None

    async def _who(self, scope: Scope, headers: Headers) -> tuple[Caller, Response | None]:
        given = _secret(headers)
        if self._token and secrets.compare_digest(given.encode(), self._token.encode()):
            return HOME, None
        if not await anyio.to_thread.run_sync(self._people.on):
            return self._without_accounts(scope, given)
        if given:
            caller = await anyio.to_thread.run_sync(self._tokens.caller, given)
            return (caller, None) if caller else (NOBODY, _unknown_token())
        session = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        found = await anyio.to_thread.run_sync(self._people.of_session, session) if session else None
        if found and _changes(scope) and not _own_page(headers):
            cure = "Send the header x-crossroads: page, or use a token."
            return NOBODY, _error(403, "This may have been sent by another site's page.", cure)
        return found or NOBODY, None

    def _without_accounts(self, scope: Scope, given: str) -> tuple[Caller, Response | None]:
        if not self._api_key:
            return (LOCAL if self._loopback else NOBODY), None
        if secrets.compare_digest(given.encode(), self._api_key.encode()):
            return KEY, None
        if scope["path"] in OPEN_PATHS:
            return NOBODY, None
        what = "The key is wrong." if given else "A key is needed."
        response = _error(401, what, "Send serve.api_key as a bearer token, or as the password in a browser.")
        response.headers["www-authenticate"] = 'Basic realm="Crossroads", charset="UTF-8"'
        return NOBODY, response

    def _closed(self, scope: Scope, headers: Headers, caller: Caller) -> Response | None:
        path = scope["path"]
        if caller is not NOBODY or path in OPEN_PATHS or path.startswith(OPEN_BELOW):
            return None
        if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            asked = quote(path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""))
            return RedirectResponse(f"{scope.get('root_path', '')}/login?next={asked}", 303)
        return _error(401, "Nobody is signed in.", "Sign in on the page, or send a token as a bearer token.")

    def _too_much(self, scope: Scope, headers: Headers, caller: Caller) -> Response | None:
        if scope["path"].startswith(UPLOADS) and _changes(scope) and "documents:write" not in caller.may:
            return _error(403, "Documents may not be loaded by this caller.", "It needs 'documents:write'.")
        said = headers.get("content-length", "0")
        if not said.isdecimal() or int(said) > self._most(scope):
            return _too_large(self._most(scope))
        if caller.via in ("token", "key"):
            seconds = self._rates.wait(caller)
            if seconds:
                response = _error(429, "Too many requests in this minute.", f"Go on in {seconds} seconds.")
                response.headers["retry-after"] = str(seconds)
                return response
        return None

    def _most(self, scope: Scope) -> int:
        return self._most_uploaded if scope["path"].startswith(UPLOADS) else MOST_BYTES


def _bounded(receive: Receive, most: int) -> Receive:
    """A body that says nothing of its length is held to the bound while it comes in."""
    taken = [0]

    async def bounded() -> Message:
        message = await receive()
        taken[0] += len(message.get("body", b"")) if message["type"] == "http.request" else 0
        if taken[0] > most:
            raise HTTPException(413, f"The request is larger than {most >> 20} MB")
        return message

    return bounded


def _changes(scope: Scope) -> bool:
    return scope["type"] == "websocket" or scope["method"] not in _READING


def _host(headers: Headers) -> str:
    return urlsplit(f"//{headers.get('host', '')}").hostname or ""


def _secret(headers: Headers) -> str:
    """The bearer token, or the password of basic authentication."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return value.strip() if scheme.lower() == "bearer" else ""


def _own_page(headers: Headers) -> bool:
    """A proof that our own page sends this: a browser's word, or a header other sites' pages cannot send unasked."""
    said = "origin" in headers or headers.get("sec-fetch-site") == "same-origin"
    return (said and not _from_elsewhere(headers)) or headers.get("x-crossroads") == "page"


def _from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another site's page makes this request."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc != headers.get("host") or not urlsplit(origin).netloc
    return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


def _unknown_token() -> JSONResponse:
    cure = "Make another: crossroads people token add, or under People on the page."
    response = _error(401, "The token is unknown, revoked or expired.", cure)
    response.headers["www-authenticate"] = "Bearer"
    return response


def _too_large(most: int) -> JSONResponse:
    return _error(413, f"The request is larger than {most >> 20} MB.", "Send less at once.")


_KINDS = {401: "authentication_error", 429: "rate_limit_error"}


def _error(status: int, message: str, cure: str) -> JSONResponse:
    kind = _KINDS.get(status, "invalid_request_error")
    body = {"message": message, "cure": cure, "type": kind, "param": None, "code": None}
    return JSONResponse({"error": body}, status_code=status)
