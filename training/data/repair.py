"""What is mended in a text rather than thrown away: its characters, its spelling, and what names a person."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from training.data.rows import rows_of

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\ufeff\ufffe\uffff]")
_WORD = re.compile(r"[^\W\d_]{3,}")
_EMAIL = re.compile(r"\b[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+\b")
_ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")
_PHONE = re.compile(r"(?<![\w.])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,4}){2,4}(?![\w.-]\d|\d)")
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d(?:[ .-]|$)|\d{4}-\d{2}-\d{2}|\d{1,2}[.-]\d{1,2}[.-]\d{2,4}$")


def normalise(text: str) -> str:
    """NFC, plain line ends, no control characters, no more than two empty lines, no blanks at line ends."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _CONTROL.sub("", text).replace("\u00a0", " ")
    text = re.sub(r"[ \t]+\n", "\n", text)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip()


def mask_personal(text: str) -> tuple[str, int]:
    """E-mail and public IP addresses, phone, bank and card numbers as `<EMAIL>`, `<IP>`, `<PHONE>`, `<IBAN>`, `<CARD>`.

    Card and bank numbers must have a right check digit. Returns text and how many were masked. Names are not found.
    """
    count = 0

    def masked(pattern: re.Pattern[str], tag: str, text: str) -> str:
        def one(found: re.Match[str]) -> str:
            nonlocal count
            if not _is_one(tag, found[0]):
                return found[0]
            count += 1
            return f"<{tag}>"

        return pattern.sub(one, text)

    for pattern, tag in ((_EMAIL, "EMAIL"), (_IBAN, "IBAN"), (_CARD, "CARD"), (_ADDRESS, "IP"), (_PHONE, "PHONE")):
        text = masked(pattern, tag, text)
    return text, count


def _is_one(tag: str, text: str) -> bool:
    if tag == "IP":
        import ipaddress

        parts = text.split(".")
        return (
            all(int(part) < 256 for part in parts)
            and ipaddress.ip_address(".".join(map(str, map(int, parts)))).is_global
        )
    if tag == "IBAN":
        plain = text.replace(" ", "")
        return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1
    if tag == "CARD":
        digits = [int(digit) for digit in text if digit.isdigit()]
        doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits[::-1])]
        return sum(doubled) % 10 == 0
    return tag != "PHONE" or (not _YEARS.match(text) and 7 <= sum(map(str.isdigit, text)) <= 15)


def load_misspellings(path: Path) -> dict[str, str]:
    """Typo → correction, from rows of `typo` and `corrections`: only what is certain."""
    found = {}
    for row in rows_of([path]):
        typo, corrections = row.values.get("typo"), row.values.get("corrections")
        if (
            typo
            and corrections
            and len(corrections) == 1
            and not row.values.get("rare")
            and not row.values.get("reason")
        ):
            found[str(typo)] = str(corrections[0])
    return found


def repair_spelling(text: str, misspellings: Mapping[str, str]) -> tuple[str, int]:
    """Known misspellings put right, capitals kept. Returns text and how many words were changed."""
    count = 0

    def one(found: re.Match[str]) -> str:
        nonlocal count
        right = misspellings.get(found[0].lower())
        if right is None:
            return found[0]
        count += 1
        return right.upper() if found[0].isupper() else right.capitalize() if found[0][0].isupper() else right

    return _WORD.sub(one, text), count
