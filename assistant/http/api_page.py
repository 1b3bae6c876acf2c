"""The OpenAPI page: what the schema says, as HTML without scripts and without anything from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from assistant.http.document_page import STYLE

_STYLE = (
    "code,pre{font-family:ui-monospace,monospace}pre{white-space:pre-wrap;overflow-wrap:anywhere}"
    "section{margin-block:1.5rem}details{margin-block:.35rem}summary{cursor:pointer}.verb{font-weight:600}"
)


def api_page(schema: Mapping[str, Any]) -> str:
    """Every endpoint by area: what it does, which scope it needs, what it takes and gives."""
    areas: dict[str, list[str]] = {}
    for path, verbs in schema["paths"].items():
        for verb, endpoint in verbs.items():
            areas.setdefault(next(iter(endpoint.get("tags", ["service"]))), []).append(_endpoint(path, verb, endpoint))
    listed = "".join(f"<section><h2>{escape(area)}</h2>{''.join(rows)}</section>" for area, rows in areas.items())
    forms = json.dumps(schema.get("components", {}).get("schemas", {}), indent=1)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>API of Crossroads</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}{_STYLE}</style></head>'
        f"<body><header><h1>API of Crossroads {escape(schema['info']['version'])}</h1></header><main>"
        f"<p>{escape(schema['info'].get('description', ''))}</p>"
        '<p>For tools: <a href="openapi.json">openapi.json</a>.</p>'
        f"{listed}<section><h2>Forms</h2><details><summary>Every form by name, as JSON Schema</summary>"
        f"<pre>{escape(forms)}</pre></details></section></main></body></html>"
    )


def _endpoint(path: str, verb: str, endpoint: Mapping[str, Any]) -> str:
    scope = endpoint.get("x-needs", "")
    rows = "".join(
        f"<li><code>{escape(one['name'])}</code> in the {escape(one['in'])}"
        f"{'' if one.get('required') else ', optional'}</li>"
        for one in endpoint.get("parameters", [])
    )
    body = endpoint.get("requestBody", {}).get("content", {})
    takes = "".join(f"<li>body, {escape(kind)}: <code>{escape(_named(one))}</code></li>" for kind, one in body.items())
    gives: Mapping[str, Any] = next((one for status, one in endpoint["responses"].items() if status[0] == "2"), {})
    told = "".join(f"<li>gives <code>{escape(_named(one))}</code></li>" for one in gives.get("content", {}).values())
    need = f" · needs <code>{escape(scope)}</code>" if scope else ""
    return (
        f'<details><summary><span class="verb">{escape(verb.upper())}</span> <code>{escape(path)}</code> '
        f"{escape(endpoint.get('description', ''))}{need}</summary><ul>{rows}{takes}{told}</ul></details>"
    )


def _named(content: Mapping[str, Any]) -> str:
    form = content.get("schema", {})
    return str(form.get("$ref", "")).rpartition("/")[2] or str(form.get("title") or form.get("type") or "JSON")
