"""Pinecone's data plane on loopback: what its documentation says of upsert, query, fetch, delete and statistics.

Written from the public API reference, as no emulator of Pinecone's runs without Docker. Vectors are shown a moment
after they were taken, as there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

KEY = "pinecone-key"


class Index:
    """The vectors of one index, by namespace."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.held: dict[str, dict[str, dict[str, Any]]] = {}
        self.late: list[tuple[str, dict[str, Any]]] = []
        self.lock = threading.Lock()

    def upsert(self, body: dict[str, Any]) -> dict[str, Any]:
        for row in body["vectors"]:
            if len(row["values"]) != self.dimension:
                raise ValueError(f"Vector dimension {len(row['values'])} does not match {self.dimension}")
            self.late.append((body.get("namespace", ""), row))
        return {"upsertedCount": len(body["vectors"])}

    def settle(self) -> None:
        """Show what was taken before."""
        for space, row in self.late:
            self.held.setdefault(space, {})[row["id"]] = row
        self.late.clear()

    def fetch(self, space: str, ids: list[str]) -> dict[str, Any]:
        there = self.held.get(space, {})
        found = {name: there[name] for name in ids if name in there}
        self.settle()
        return {"vectors": found, "namespace": space, "usage": {"readUnits": 1}}

    def query(self, body: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= body["topK"] <= 10_000:
            raise ValueError("topK must be 1 to 10000")
        wanted = body.get("filter", {}).get("document_id", {}).get("$in")
        space = body.get("namespace", "")
        asked = np.asarray(body["vector"])
        scored = [
            (float(np.dot(asked, row["values"])), name)
            for name, row in self.held.get(space, {}).items()
            if wanted is None or row["metadata"]["document_id"] in wanted
        ]
        matches = [{"id": name, "score": score, "values": []} for score, name in sorted(scored, reverse=True)]
        return {"matches": matches[: body["topK"]], "namespace": space, "usage": {"readUnits": 1}}

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        space = body.get("namespace", "")
        if space not in self.held:
            raise KeyError(space)
        if body.get("deleteAll"):
            del self.held[space]
        for name in body.get("ids", []):
            self.held[space].pop(name, None)
        return {}

    def stats(self) -> dict[str, Any]:
        spaces = {name: {"vectorCount": len(rows)} for name, rows in self.held.items()}
        total = sum(len(rows) for rows in self.held.values())
        return {"namespaces": spaces, "dimension": self.dimension, "indexFullness": 0, "totalVectorCount": total}


@contextmanager
def serve(dimension: int) -> Iterator[tuple[str, Index]]:
    """The address of a server, and its index."""
    index = Index(dimension)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            routes = {
                "/vectors/upsert": lambda: index.upsert(body),
                "/query": lambda: index.query(body),
                "/vectors/delete": lambda: index.delete(body),
                "/describe_index_stats": index.stats,
            }
            self._answer(routes.get(urlsplit(self.path).path))

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            space = asked.get("namespace", [""])[0]
            self._answer(lambda: index.fetch(space, asked["ids"]))

        def _answer(self, work: Any) -> None:
            status, result = 200, {}
            with index.lock:
                try:
                    if self.headers.get("Api-Key") != KEY:
                        status, result = 401, {"message": "Invalid API key"}
                    elif work is None:
                        status, result = 404, {"message": "no such route"}
                    else:
                        result = work()
                except KeyError:
                    status, result = 404, {"code": 5, "message": "Namespace not found", "details": []}
                except ValueError as error:
                    status, result = 400, {"code": 3, "message": str(error), "details": []}
            text = json.dumps(result).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
