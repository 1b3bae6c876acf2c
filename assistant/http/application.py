"""The HTTP application: API, documents and page behind one guard."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from assistant.http.chat_completions import completions_router
from assistant.http.errors import add_error_handlers
from assistant.http.guard import Guard, is_loopback
from assistant.http.own import own_router
from assistant.watching.metrics import CONTENT_TYPE
from assistant.watching.requests import Watch

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.watching.log import Log

PACKAGE = "crossroads-assistant"


def build_application(assistant: Assistant, token: str, *, page: bool = True, log: Log | None = None) -> FastAPI:
    """Everything `serve` serves. `token` is the secret of the home's owner; without `page` there is only the API.

    Requests are counted in the assistant's metrics and, where there is a `log`, written down.
    """
    app = FastAPI(title="Crossroads", version=version(PACKAGE), docs_url=None, redoc_url=None)
    add_error_handlers(app)
    _health_routes(app, assistant)
    app.include_router(completions_router(assistant))
    app.include_router(own_router(assistant))
    if page:
        from assistant.http.documents import documents_router
        from assistant.http.lineage_page import lineage_router
        from assistant.http.run_page import runs_router
        from assistant.ui import mount

        app.include_router(documents_router(assistant))
        app.include_router(runs_router(assistant))
        app.include_router(lineage_router(assistant))
        app = mount(app, assistant)
    serve = assistant.settings.serve
    app.add_middleware(Guard, loopback=is_loopback(serve.host), api_key=serve.api_key, token=token)
    app.add_middleware(Watch, metrics=assistant.metrics, log=log)
    return app


def _health_routes(app: FastAPI, assistant: Assistant) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether the process lives."""
        return {"status": "ok", "version": version(PACKAGE)}

    @app.get("/ready")
    def ready() -> JSONResponse:
        """Whether a question would be answered at once: models loaded, store answering."""
        waiting = assistant.not_ready()
        return JSONResponse({"ready": not waiting, "waiting": waiting}, status_code=503 if waiting else 200)

    @app.get("/metrics")
    def metrics() -> Response:
        """Counts and times since the start, for Prometheus; no content."""
        assistant.metrics.ready.set(0 if assistant.not_ready() else 1)
        return Response(assistant.metrics.text(), media_type=CONTENT_TYPE)
