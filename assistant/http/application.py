"""The HTTP application: API, documents and page behind one guard."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from assistant.http.api import api_router
from assistant.http.api_page import api_page
from assistant.http.chat_completions import completions_router
from assistant.http.errors import add_error_handlers
from assistant.http.guard import Guard, is_loopback
from assistant.http.needs import caller_of, check_declared, needs
from assistant.http.own import own_router
from assistant.http.schema import schema_of
from assistant.http.sign_in import sign_in_router
from assistant.http.single_sign_on import add_single_sign_on
from assistant.people.rates import Rates
from assistant.watching.metrics import CONTENT_TYPE
from assistant.watching.requests import Watch

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.watching.log import Log

PACKAGE = "crossroads-assistant"
_ABOUT = (
    "Everything the page can do. Sign in on the page, or send a token as a bearer token; each endpoint says which "
    "scope it needs. Errors are {error: {type, message, cure}}."
)


def build_application(assistant: Assistant, token: str, *, page: bool = True, log: Log | None = None) -> FastAPI:
    """Everything `serve` serves. `token` is the secret of the home's owner; without `page` there is only the API.

    Requests are counted in the assistant's metrics and, where there is a `log`, written down.
    """
    closed: Any = dict.fromkeys(("docs_url", "redoc_url", "openapi_url"))  # ours are below /api/v1
    app = FastAPI(title="Crossroads", description=_ABOUT, version=version(PACKAGE), **closed)
    rates = Rates(assistant.settings.people.requests_per_minute)
    add_error_handlers(app)
    _health_routes(app, assistant)
    app.include_router(completions_router(assistant))
    app.include_router(api_router(assistant))
    _schema_routes(app)
    app.include_router(own_router(assistant))
    app.include_router(sign_in_router(assistant, rates))
    add_single_sign_on(app, assistant)
    if page:
        from assistant.http.documents import documents_router
        from assistant.http.lineage_page import lineage_router
        from assistant.http.run_page import runs_router
        from assistant.ui import mount

        app.include_router(documents_router(assistant))
        app.include_router(runs_router(assistant))
        app.include_router(lineage_router(assistant))
        app = mount(app, assistant)
    check_declared(app.routes)
    serve = assistant.settings.serve
    app.add_middleware(
        Guard,
        loopback=is_loopback(serve.host),
        api_key=serve.api_key,
        token=token,
        people=assistant.people,
        tokens=assistant.tokens,
        rates=rates,
        max_file_mb=assistant.settings.knowledge.max_file_mb,
    )
    app.add_middleware(Watch, metrics=assistant.metrics, log=log)
    return app


def _health_routes(app: FastAPI, assistant: Assistant) -> None:
    @app.get("/health", dependencies=[needs("open")])
    async def health() -> dict[str, str]:
        """Whether the process lives."""
        return {"status": "ok", "version": version(PACKAGE)}

    @app.get("/ready", dependencies=[needs("open")], responses={503: {"description": "Not yet."}})
    def ready(request: Request) -> JSONResponse:
        """Whether a question would be answered at once; what it waits for is told to who is signed in."""
        waiting = assistant.not_ready()
        told = waiting if caller_of(request).via != "nobody" else dict.fromkeys(waiting, "not ready")
        return JSONResponse({"ready": not waiting, "waiting": told}, status_code=503 if waiting else 200)

    @app.get("/metrics", dependencies=[needs("operate")])
    def metrics() -> Response:
        """Counts and times since the start, for Prometheus; no content."""
        assistant.metrics.ready.set(0 if assistant.not_ready() else 1)
        return Response(assistant.metrics.text(), media_type=CONTENT_TYPE)


def _schema_routes(app: FastAPI) -> None:
    @app.get("/api/v1/openapi.json", dependencies=[needs("signed_in")], include_in_schema=False)
    def schema() -> dict[str, Any]:
        """What OpenAPI's tools read."""
        return schema_of(app)

    @app.get("/api/v1/docs", dependencies=[needs("signed_in")], include_in_schema=False)
    def docs() -> HTMLResponse:
        """The same for people."""
        return HTMLResponse(api_page(schema_of(app)))
