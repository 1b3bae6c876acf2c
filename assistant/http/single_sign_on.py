"""Single sign-on by OpenID Connect, through Authlib: code flow with PKCE, state and nonce.

Whom a provider names is known by issuer and subject, never by a name they could change. Somebody new is let in under
the e-mail address an owner added them with, if the provider has verified it, or in the role `people.oidc_role` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from assistant.http.body import in_thread
from assistant.http.needs import needs
from assistant.http.sign_in import HEADERS, enter
from assistant.http.sign_in_page import refusal_page
from assistant.people.accounts import Account
from assistant.people.caller import NOBODY, SignInError
from assistant.people.secret import signing_key
from graphs.errors import CrossroadsError, NotFoundError

if TYPE_CHECKING:
    from assistant.app import Assistant

_MINUTES = 10


def add_single_sign_on(app: FastAPI, assistant: Assistant) -> None:
    """The two addresses, and the signed cookie that remembers a sign-in under way. Nothing where none is set."""
    if not assistant.settings.people.oidc_issuer:
        return
    from starlette.middleware.sessions import SessionMiddleware

    app.include_router(_router(assistant))
    app.add_middleware(
        SessionMiddleware,
        secret_key=signing_key(assistant.people.engine),
        session_cookie="crossroads_oidc",
        max_age=_MINUTES * 60,
        path="/login",
        same_site="lax",
    )


def _router(assistant: Assistant) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    client = _client(assistant)

    @router.get("/login/oidc", dependencies=[needs("open")])
    async def leave(request: Request) -> Response:
        """To the provider."""
        try:
            back = request.url_for("come_back")
            gone: Response = await client.authorize_redirect(request, back)
            return gone
        except Exception as error:
            return _refused(_from_provider(error))

    @router.get("/login/oidc/back", dependencies=[needs("open")])
    async def come_back(request: Request) -> Response:
        """From the provider: whoever it vouches for is signed in."""
        try:
            claims = (await client.authorize_access_token(request))["userinfo"]
        except Exception as error:
            return _refused(_from_provider(error))
        try:
            account = await in_thread(known_as, assistant, claims)
            response: Response = await in_thread(enter, request, account, "/", assistant)
            return response
        except CrossroadsError as error:
            await in_thread(_tell, assistant)
            return _refused(error)

    return router


def known_as(assistant: Assistant, claims: Mapping[str, Any]) -> Account:
    """The account of whom a provider vouches for. Raises `SignInError` where there is none and none is made."""
    people = assistant.people
    subject = f"{claims['iss']} {claims['sub']}"
    account = people.by_subject(subject) or _newcomer(assistant, claims, subject)
    if account.disabled:
        raise SignInError("This account is disabled.", "Ask an owner.")
    return account


def _newcomer(assistant: Assistant, claims: Mapping[str, Any], subject: str) -> Account:
    people, role = assistant.people, assistant.settings.people.oidc_role
    address = str(claims.get("email", "")) if claims.get("email_verified") is True else ""
    if address:
        try:
            linked = people.link(people.get(address).person, subject)
            if people.by_subject(subject):
                return linked
        except NotFoundError:
            pass
    if not role:
        who = address or "the person the provider vouches for"
        raise SignInError(f"Nobody here is known as {who!r}.", "Ask an owner to add you under that address.")
    return people.add(address or f"{claims.get('name') or 'someone'} {claims['sub']}"[:80], role, subject=subject)


def _client(assistant: Assistant) -> Any:
    from authlib.integrations.starlette_client import OAuth

    settings = assistant.settings.people
    return OAuth().register(
        "crossroads",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10.0},
    )


def _tell(assistant: Assistant) -> None:
    assistant.people.audit.add(NOBODY, "single sign-on", outcome="refused")


def _from_provider(error: Exception) -> SignInError:
    """Why it failed, without what the provider's answer holds."""
    why = getattr(error, "error", "") or type(error).__name__
    return SignInError(f"The provider did not sign you in: {why}.", "Begin again; if it stays so, ask an owner.")


def _refused(error: CrossroadsError) -> Response:
    return HTMLResponse(refusal_page(error), 401, HEADERS)
