"""Fetch a page or file from the web without being led into the network behind us.

Every address a name resolves to is checked, on every redirect, and the connection goes to the checked address: a name
that resolves to another one a moment later changes nothing. Proxies from the environment are not used, because behind
a proxy nothing of this could be checked.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import time
from dataclasses import dataclass
from urllib.parse import urldefrag

import httpx

from assistant.config import Settings
from assistant.knowledge.formats import BY_MEDIA_TYPE
from graphs.errors import DocumentError

SECONDS = 60.0
_STEP_SECONDS = 15.0
_REDIRECTS = 5
AGENT = "crossroads"
"""What `robots.txt` knows us by."""
_MOST_ROBOTS = 500 * 1024
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_DOCUMENTS = (
    "text/",
    "application/octet-stream",
    *BY_MEDIA_TYPE,
)
_TRY_AGAIN = "Open it in a browser; if it works there, try again or download it and ingest the file."


@dataclass(frozen=True)
class Fetched:
    """What came from the web. `media_type` is what the server called it."""

    url: str
    data: bytes
    media_type: str


def is_url(source: str) -> bool:
    """Whether a source is an address rather than a path. `ftp://…` counts, so that it is refused by name."""
    scheme, mark, _ = source.partition("://")
    return bool(mark) and scheme.isalpha() and len(scheme) > 1


def fetch(url: str, settings: Settings) -> Fetched:
    """Get `url`, following up to five redirects.

    Raises `DocumentError` for anything but http and https, for private addresses unless
    `knowledge.allow_private_urls` is set, for files above `knowledge.max_file_mb`, for other than documents, and where
    the server fails or takes longer than a minute.
    """
    deadline = time.monotonic() + SECONDS
    here = _parse(url)
    private = settings.knowledge.allow_private_urls
    with httpx.Client(trust_env=False, timeout=_STEP_SECONDS) as client:
        for _ in range(_REDIRECTS + 1):
            address = _checked_address(here, private)
            if settings.knowledge.respect_robots:
                _ask_robots(client, here, address)
            request = _pinned(client, here, address)
            try:
                response = client.send(request, stream=True)
                with contextlib.closing(response):
                    if response.has_redirect_location:
                        here = _parse(str(here.join(response.headers["location"])))
                        continue
                    return _document(response, here, settings.knowledge.max_file_mb, deadline)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise DocumentError(f"{str(here)!r} could not be fetched: {_reason(error)}.", _TRY_AGAIN) from None
    cure = "Open it in a browser and use the address it ends at."
    raise DocumentError(f"{url!r} redirects more than {_REDIRECTS} times.", cure)


def _parse(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(urldefrag(url)[0])
    except httpx.InvalidURL as error:
        raise DocumentError(f"{url!r} is not an address: {error}.", "Copy it from the browser again.") from None
    if parsed.scheme not in ("http", "https"):
        raise DocumentError(f"{url!r} is not fetched.", "Only http:// and https:// addresses are; download it first.")
    if not parsed.host:
        raise DocumentError(f"{url!r} names no host.", "Copy the address from the browser again.")
    if parsed.userinfo:
        raise DocumentError(f"{parsed.host!r} was given with a name or password.", "Download the file yourself first.")
    return parsed


def _checked_address(url: httpx.URL, allow_private: bool) -> str:
    """One address of the host, after all of them were found to be public."""
    try:
        found = socket.getaddrinfo(url.host, url.port or _PORTS[url.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise DocumentError(f"The host {url.host!r} is not known.", "Check its spelling and your connection.") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not allow_private and not _is_public(address):
            message = f"{str(url)!r} leads to {address!r}, an address inside a private network."
            raise DocumentError(message, "If you trust it, set knowledge.allow_private_urls = true.")
    return addresses[0]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _pinned(client: httpx.Client, url: httpx.URL, address: str) -> httpx.Request:
    """A request to the checked address that names the host where the server and its certificate want it."""
    headers = {"Host": url.netloc.decode("ascii"), "User-Agent": AGENT, "Accept": "*/*"}
    return client.build_request(
        "GET", url.copy_with(host=address), headers=headers, extensions={"sni_hostname": url.raw_host.decode("ascii")}
    )


def _ask_robots(client: httpx.Client, url: httpx.URL, address: str) -> None:
    """Raise `DocumentError` where the site's `robots.txt` asks programs to stay away from this page (RFC 9309).

    A site without one, or whose answer is an error of the page's kind (4xx), allows everything; one that fails (5xx) or
    redirects says nothing either, and the page itself is asked.
    """
    from urllib.robotparser import RobotFileParser

    rules = url.copy_with(path="/robots.txt", query=None)
    try:
        response = client.send(_pinned(client, rules, address), stream=True)
        with contextlib.closing(response):
            if response.status_code != 200:
                return
            text = bytearray()
            for part in response.iter_bytes():
                text += part
                if len(text) > _MOST_ROBOTS:
                    break
    except (httpx.HTTPError, httpx.InvalidURL):
        return
    parser = RobotFileParser()
    parser.parse(text[:_MOST_ROBOTS].decode("utf-8", errors="replace").splitlines())
    if not parser.can_fetch(AGENT, str(url)):
        message = f"{str(url)!r} may not be read by programs: the site's robots.txt says so."
        raise DocumentError(
            message, "Save the page in a browser, or set knowledge.respect_robots = false if it is yours."
        )


def _document(response: httpx.Response, url: httpx.URL, max_mb: int, deadline: float) -> Fetched:
    if response.status_code != 200:
        message = f"{str(url)!r} could not be fetched: the server answered {response.status_code}."
        raise DocumentError(message, "Open it in a browser; if it needs a login, download it and ingest the file.")
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type and not media_type.startswith(_DOCUMENTS):
        message = f"{str(url)!r} is of type {media_type!r}, not a document."
        raise DocumentError(message, "Pages, text, PDF, Office files, CSV, JSON, books and e-mail can be fetched.")
    data = bytearray()
    for part in response.iter_bytes():
        data += part
        if len(data) > max_mb * 2**20:
            raise DocumentError(f"{str(url)!r} is larger than {max_mb} MB.", "Raise knowledge.max_file_mb to take it.")
        if time.monotonic() > deadline:
            raise DocumentError(
                f"{str(url)!r} takes longer than {SECONDS:g} seconds.", "Download it and ingest the file."
            )
    return Fetched(str(url), bytes(data), media_type)


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "the server took too long"
    return str(error) or type(error).__name__
