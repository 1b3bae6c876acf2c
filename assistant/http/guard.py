"""Who may call: the checks before any route sees a request.

Covers DNS rebinding (the Host must be this machine's on a loopback address), requests another site's page makes
(Origin, Sec-Fetch-Site), and keys. Does not cover other users of this machine: loopback is open to them, as the
page is; set `serve.api_key` where that matters.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/health"})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses what should not come in, with a JSON error."""

    def __init__(self, app: ASGIApp, *, loopback: bool, api_key: str, token: str) -> None:
        self._app = app
        self._loopback = loopback
        self._api_key = api_key
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with the reason why not."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        refusal = self._refusal(scope)
        if refusal is None:
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if self._loopback and not is_loopback(urlsplit(f"//{headers.get('host', '')}").hostname or ""):
            cure = "Use the address the service printed, or set serve.host and serve.api_key."
            return _error(421, f"This service does not go by the name {headers.get('host', '')!r}.", cure)
        changing = scope["type"] == "websocket" or scope["method"] not in _READING
        if changing and _from_elsewhere(headers):
            origin = headers.get("origin", headers.get("sec-fetch-site", ""))
            return _error(403, f"A page of {origin!r} may not use this service.", "Use the service's own page.")
        return self._key_refusal(scope, headers)

    def _key_refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        if scope["path"] in OPEN_PATHS:
            return None
        given = _secret(headers)
        if self._token and secrets.compare_digest(given.encode(), self._token.encode()):
            scope["crossroads_owner"] = True
            return None
        if self._api_key and not secrets.compare_digest(given.encode(), self._api_key.encode()):
            what = "The key is wrong." if given else "A key is needed."
            response = _error(401, what, "Send serve.api_key as a bearer token, or as the password in a browser.")
            response.headers["www-authenticate"] = 'Basic realm="Crossroads", charset="UTF-8"'
            return response
        if scope["path"].startswith("/api/") and not self._api_key and not _same_origin(headers):
            return _error(401, "A token is needed.", "Use /v1, or the token in the home's run/service.json.")
        return None


def _secret(headers: Headers) -> str:
    """The bearer token, or the password of basic authentication."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return value.strip() if scheme.lower() == "bearer" else ""


def _same_origin(headers: Headers) -> bool:
    return not _from_elsewhere(headers) and ("origin" in headers or headers.get("sec-fetch-site") == "same-origin")


def _from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another site's page makes this request."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc != headers.get("host") or not urlsplit(origin).netloc
    return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


def _error(status: int, message: str, cure: str) -> JSONResponse:
    kind = "invalid_request_error" if status != 401 else "authentication_error"
    body = {"message": message, "cure": cure, "type": kind, "param": None, "code": None}
    return JSONResponse({"error": body}, status_code=status)
