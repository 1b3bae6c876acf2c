"""Fetching: what is refused, and that what was checked is what is connected to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from assistant.config import Settings
from assistant.knowledge import fetch as fetching
from assistant.knowledge.fetch import fetch
from graphs.errors import DocumentError
from tests.assistant.knowledge.shelf import open_shelf

OPEN = Settings(knowledge={"allow_private_urls": True, "max_file_mb": 1})
PAGE = (
    b"<!doctype html><title>Fees</title><main><h1>Fees</h1><p>" + b"The late fee is five euro. " * 20 + b"</p></main>"
)


class Site(BaseHTTPRequestHandler):
    seen: list[str] = []  # noqa: RUF012  # shared on purpose: one server a test

    def do_GET(self) -> None:
        self.seen.append(str(self.headers["Host"]))
        answer = getattr(self, "page_" + self.path.strip("/").replace("-", "_"), None)
        if answer is None:
            self.send(404, b"no", "text/plain")
        else:
            answer()

    def send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def page_good(self) -> None:
        self.send(200, PAGE, "text/html; charset=utf-8")

    def page_large(self) -> None:
        self.send(200, b"x" * (2 * 2**20), "text/plain")

    def page_picture(self) -> None:
        self.send(200, b"\x89PNG", "image/png")

    def page_moved(self) -> None:
        self.send(302, b"", "text/plain", Location="/good")

    def page_to_metadata(self) -> None:
        self.send(302, b"", "text/plain", Location="http://169.254.169.254/latest/meta-data")

    def page_to_file(self) -> None:
        self.send(302, b"", "text/plain", Location="file:///etc/passwd")

    def page_round(self) -> None:
        self.send(302, b"", "text/plain", Location="/round")

    def page_bomb(self) -> None:
        import gzip

        self.send(200, gzip.compress(b"x" * (8 * 2**20)), "text/plain", **{"Content-Encoding": "gzip"})

    def log_message(self, *given: Any) -> None: ...


@pytest.fixture
def site() -> Iterator[str]:
    Site.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_is_fetched(site: str) -> None:
    fetched = fetch(f"{site}/good", OPEN)
    assert (fetched.data, fetched.media_type) == (PAGE, "text/html")


def test_redirects_are_followed(site: str) -> None:
    assert fetch(f"{site}/moved", OPEN).url == f"{site}/good"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("large", "larger than 1 MB"),
        ("bomb", "larger than 1 MB"),
        ("picture", "image/png"),
        ("missing", "answered 404"),
        ("round", "redirects more than"),
        ("to-file", "only http|is not fetched"),
    ],
)
def test_what_is_no_document_is_refused(site: str, path: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        fetch(f"{site}/{path}", OPEN)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.5.4", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104
        "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    ],
)  # fmt: skip
def test_addresses_inside_are_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address.strip("[]"), 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: found)
    with pytest.raises(DocumentError, match="private network"):
        fetch(f"http://{address}/", Settings())


def test_a_name_that_leads_inside_is_refused(site: str) -> None:
    with pytest.raises(DocumentError, match=r"leads to .* inside a private network"):
        fetch(site.replace("127.0.0.1", "localhost"), Settings())


def test_one_inner_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: found)
    with pytest.raises(DocumentError, match=r"'10\.0\.0\.1'"):
        fetch("http://example.org/", Settings())


def test_a_redirect_inside_is_refused(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    public = fetching._is_public
    monkeypatch.setattr(fetching, "_is_public", lambda address: address == "127.0.0.1" or public(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, *more, **named: [(2, 1, 6, "", (host, port))])
    with pytest.raises(DocumentError, match=r"169\.254\.169\.254"):
        fetch(f"{site}/to-metadata", Settings())


def test_the_connection_goes_to_the_address_that_was_checked(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, asked = socket.getaddrinfo, []

    def once(host: Any, *given: Any, **named: Any) -> Any:
        asked.append(host)
        return look_up("127.0.0.1" if host == "docs.example" else host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    fetch(site.replace("127.0.0.1", "docs.example") + "/good", OPEN)
    assert asked.count("docs.example") == 1
    assert set(Site.seen) == {site.removeprefix("http://").replace("127.0.0.1", "docs.example")}


@pytest.mark.parametrize("url", ["ftp://example.org/a", "file:///etc/passwd", "gopher://example.org/"])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(DocumentError, match="is not fetched"):
        fetch(url, OPEN)


def test_a_password_in_an_address_is_refused() -> None:
    with pytest.raises(DocumentError, match="password"):
        fetch("http://user:secret@example.org/", OPEN)


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DocumentError, match="could not be fetched"):
        fetch(f"http://127.0.0.1:{port}/", OPEN)


def test_a_page_becomes_a_document(site: str, home: Path) -> None:
    with open_shelf(home, allow_private_urls=True) as knowledge:
        assert knowledge.ingest([f"{site}/good"]).documents == 1
        info = knowledge.documents()[0]
        assert (info.source, info.title) == (f"{site}/good", "Fees")
        assert knowledge.ingest([f"{site}/good"]).unchanged == 1


def forbid(monkeypatch: pytest.MonkeyPatch, rules: bytes) -> None:
    """Let the site have a robots.txt."""
    monkeypatch.setattr(Site, "page_robots.txt", lambda self: self.send(200, rules, "text/plain"), raising=False)


@pytest.mark.parametrize("agent", [b"*", b"crossroads"])
def test_a_page_that_robots_txt_forbids_is_left_alone(site: str, monkeypatch: pytest.MonkeyPatch, agent: bytes) -> None:
    forbid(monkeypatch, b"User-agent: " + agent + b"\nDisallow: /go\n")
    with pytest.raises(DocumentError, match=r"robots\.txt says so"):
        fetch(f"{site}/good", OPEN)


def test_what_robots_txt_says_to_others_does_not_count(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch, b"User-agent: evilbot\nDisallow: /\n")
    assert fetch(f"{site}/good", OPEN).data == PAGE


def test_robots_txt_can_be_left_unasked(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch, b"User-agent: *\nDisallow: /\n")
    settings = Settings(knowledge={"allow_private_urls": True, "respect_robots": False})
    assert fetch(f"{site}/good", settings).data == PAGE
