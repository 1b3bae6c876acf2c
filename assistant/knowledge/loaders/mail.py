"""E-mail: who wrote to whom and when, what, and what was attached."""

from __future__ import annotations

import email
import email.policy
import email.utils
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import PurePath
from typing import Any

from assistant.knowledge.formats import BY_NAME
from assistant.knowledge.loaders.markup import to_markdown
from assistant.knowledge.loaders.parts import facts
from assistant.knowledge.types import Loaded
from graphs.errors import DocumentError

_FORMAT = BY_NAME["email"]
_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_MOST_PARTS = 200
_MOST_DEPTH = 12
_MOST_LINES = 2_000
"""That may be boundaries between parts: counted before the parser, which is slow at them, sees any."""
_CURE = "Open it in a mail program and save it again, or save its text."


def load(data: bytes, name: str) -> Loaded:
    """Headers, the body as plain text where it has one, else its HTML as text, and the names of attachments."""
    if data.count(b"\n--") > _MOST_LINES or data.lower().count(b"multipart/") > 2 * _MOST_DEPTH:
        raise _too_many(name)
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        if not isinstance(message, EmailMessage):
            raise TypeError("no message")
        parts = list(_leaves(message, name))
        body = _body(parts)
    except (RecursionError, TypeError, ValueError, LookupError, AttributeError, IndexError) as error:
        raise DocumentError(f"{name!r} is a damaged e-mail: {error}.", _CURE) from None
    files = [_attachment(part) for part in parts if _is_attachment(part)]
    head = "\n".join(f"{key}: {' '.join(value.split())}" for key in _SHOWN if (value := _header(message, key)))
    listed = "Attachments: " + ", ".join(files) if files else ""
    subject = " ".join(_header(message, "Subject").split())
    known = facts(
        authors=[address for address in _people(message, "From") if address],
        to=_people(message, "To"),
        created=_date(message),
        subject=subject,
        attachments=files,
    )
    text = "\n\n".join(part for part in (head, body.strip(), listed) if part)
    return Loaded(text, subject or PurePath(name).name, _FORMAT.media_type, metadata=known)


def _leaves(message: EmailMessage, name: str) -> Iterator[EmailMessage]:
    """The parts that hold something, without recursion. Raises `DocumentError` for a tree no mail program makes."""
    waiting: list[tuple[Any, int]] = [(message, 0)]
    seen = 0
    while waiting:
        part, depth = waiting.pop(0)
        seen += 1
        if seen > _MOST_PARTS or depth > _MOST_DEPTH:
            raise _too_many(name)
        if part.is_multipart() and part.get_content_disposition() != "attachment":
            waiting = [*((child, depth + 1) for child in part.iter_parts()), *waiting]
        else:
            yield part


def _too_many(name: str) -> DocumentError:
    message = f"{name!r} has more than {_MOST_PARTS} parts, or parts nested more than {_MOST_DEPTH} deep."
    return DocumentError(message, "Save the parts you need as files and ingest those.")


def _body(parts: list[EmailMessage]) -> str:
    """All plain parts in their order; the HTML ones where there is no plain one."""
    shown = [part for part in parts if not _is_attachment(part)]
    plain = [_text(part) for part in shown if part.get_content_type() == "text/plain"]
    if any(text.strip() for text in plain):
        return "\n\n".join(text.strip() for text in plain if text.strip())
    return "\n\n".join(to_markdown(_text(part)) for part in shown if part.get_content_type() == "text/html")


def _text(part: EmailMessage) -> str:
    from assistant.knowledge.loaders.plain import decode

    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode(part.get_content_charset() or "utf-8").replace("\r\n", "\n")
    except (LookupError, UnicodeDecodeError):  # a charset nobody knows, or a false one
        return decode(data)


def _is_attachment(part: EmailMessage) -> bool:
    return part.get_content_disposition() == "attachment" or part.get_content_maintype() != "text"


def _attachment(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    size = len(payload) if isinstance(payload, bytes) else 0
    name = " ".join((part.get_filename() or part.get_content_type()).split())[:200]
    return f"{name} ({max(1, round(size / 1024)):,} KB)"


def _header(message: EmailMessage, key: str) -> str:
    try:
        return str(message[key] or "")
    except (ValueError, IndexError, AttributeError, TypeError, LookupError):  # the parser's own bugs on broken headers
        return ""


def _people(message: EmailMessage, key: str) -> list[str]:
    return [name or address for name, address in email.utils.getaddresses([_header(message, key)])][:50]


def _date(message: EmailMessage) -> Any:
    try:
        return email.utils.parsedate_to_datetime(_header(message, "Date"))
    except (ValueError, TypeError, OverflowError):
        return None
