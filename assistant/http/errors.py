"""Our errors as HTTP: a status, and OpenAI's error object with our cure beside it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from graphs.errors import CrossroadsError

STATUS = {
    "usage": 400,
    "not_found": 404,
    "too_large": 413,
    "media_type": 415,
    "too_long": 400,
    "busy": 409,
    "rate_limited": 429,
    "missing_key": 503,
    "refused": 502,
    "timeout": 504,
    "store": 503,
    "storage": 507,
    "document": 422,
    "sign_in": 401,
    "not_allowed": 403,
}
_CODES = {"too_long": "context_length_exceeded", "rate_limited": "rate_limit_exceeded", "not_found": "not_found"}


def status_of(error: CrossroadsError) -> int:
    """The HTTP status of an error of ours."""
    return STATUS.get(error.type, 500)


def openai_error(error: CrossroadsError, parameter: str | None = None, code: str | None = None) -> dict[str, Any]:
    """OpenAI's error object; `cure` is ours."""
    status = status_of(error)
    kind = "invalid_request_error" if status < 500 else "server_error"
    kind = "rate_limit_error" if status == 429 else kind
    message = f"{error.message} {error.cure}"
    code = code or _CODES.get(error.type, error.type)
    return {"error": {"message": message, "type": kind, "param": parameter, "code": code, "cure": error.cure}}


def add_error_handlers(app: FastAPI) -> None:
    """Answer errors in the form of the address they were met at: OpenAI's below /v1, ours elsewhere."""
    _wrong_form(app)

    @app.exception_handler(CrossroadsError)
    async def ours(request: Request, error: CrossroadsError) -> JSONResponse:
        record = openai_error(error) if request.url.path.startswith("/v1/") else error.as_json()
        return JSONResponse(record, status_code=status_of(error))

    @app.exception_handler(HTTPException)
    async def theirs(request: Request, error: HTTPException) -> JSONResponse:
        message = f"{request.method} {request.url.path}: {error.detail}."
        record: dict[str, Any] = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        return JSONResponse(
            {"error": {**record, "cure": "See the README for what is served."}},
            status_code=error.status_code,
            headers=error.headers,
        )


def _wrong_form(app: FastAPI) -> None:
    """A body or parameter that does not fit, and what nobody foresaw."""

    @app.exception_handler(RequestValidationError)
    async def unfit(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{where!r} does not fit: {first['msg']}."
        record = {"type": "usage", "message": message, "cure": "The form of every request stands in /api/v1/docs."}
        return JSONResponse({"error": record}, status_code=422)

    @app.exception_handler(UnicodeEncodeError)
    async def unspeakable(_: Request, __: UnicodeEncodeError) -> JSONResponse:
        record = {"type": "usage", "message": "The text holds half a character.", "cure": "Send whole characters."}
        return JSONResponse({"error": record}, status_code=400)

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> JSONResponse:
        message = "Something went wrong inside Crossroads while it worked on this."
        record = {"type": "internal", "message": message, "cure": "Try again; the service's log says what failed."}
        return JSONResponse({"error": record}, status_code=500)
