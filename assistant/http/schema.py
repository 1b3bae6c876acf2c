"""The OpenAPI schema: FastAPI's, with who may call each endpoint and how one says who one is."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from assistant.http.needs import declared

_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token with the scope the endpoint needs."},
    "session": {"type": "apiKey", "in": "cookie", "name": "crossroads_session"},
}


def schema_of(app: FastAPI) -> dict[str, Any]:
    """The schema; `x-needs` of an endpoint is the permission it needs."""
    schema = app.openapi()
    schema.setdefault("components", {})["securitySchemes"] = _SCHEMES
    for route in declared(app.routes):
        needed = [one for one in route.needed if one != "open"]
        for verb in route.verbs if route.told else ():
            endpoint = schema["paths"][route.path][verb.lower()]
            endpoint["x-needs"] = ", ".join(needed)
            endpoint["security"] = [{"token": []}, {"session": []}] if needed else []
    return schema
