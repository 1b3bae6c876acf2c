"""Requests whose form says exactly which tool they need: arithmetic, units, dates, an address to fetch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from graphs.calculator import calculate, find_arithmetic

Wanted = tuple[str, dict[str, Any]]
"""A tool's name and its arguments."""

_NUMBER = r"(-?\d[\d,]*(?:\.\d+)?)"
_UNIT = r"([a-zA-Z°µ][\w°µ/ ]{0,30}?)"
_CONVERT = (
    re.compile(
        rf"^(?:please )?(?:convert|change|what(?:'s| is)|how much is)\s+{_NUMBER}\s*{_UNIT}\s+"
        rf"(?:in|to|into|as)\s+{_UNIT}$",
        re.I,
    ),
    re.compile(rf"^{_NUMBER}\s*{_UNIT}\s+(?:in|to|into)\s+{_UNIT}$", re.I),
)
_HOW_MANY = re.compile(
    rf"^how many\s+{_UNIT}\s+(?:are|is|make|fit)?\s*(?:there\s+)?(?:in|to)\s+{_NUMBER}\s*{_UNIT}$", re.I
)
_DAY = (
    r"(today|tomorrow|yesterday|\d{4}-\d{1,2}-\d{1,2}|\d{1,2}(?:st|nd|rd|th)?\s+(?:of\s+)?[a-z]{3,9},?\s+\d{4}|"
    r"[a-z]{3,9}\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4})"
)
_ADD = re.compile(rf"^(?:what (?:date|day) (?:is|was|will it be|will be|lies)|what is|which date is|when is)?\s*"
                  rf"(\d+|a|an|one|two|three|four|five|six) (day|week|month|year)s?\s+"
                  rf"(after|from|before|ago)\s*{_DAY}?$", re.I)  # fmt: skip
_BETWEEN = re.compile(
    rf"^how (?:many days|long)(?: is it| are there| lie| were there)?\s+(?:between|from)\s+{_DAY}\s+"
    rf"(?:and|to|until|till)\s+{_DAY}$",
    re.I,
)
_UNTIL = re.compile(rf"^how many days (?:are there |is it |are |is )?(?:left )?(?:until|till|to|since)\s+{_DAY}$", re.I)
_WEEKDAY = re.compile(
    rf"^(?:what|which) (?:day of the week|weekday|day)\s+(?:is|was|will)\s+(?:it (?:on )?)?{_DAY}(?:\s+be)?$", re.I
)
_FETCH = re.compile(
    r"^(?:please\s+)?(?:fetch|open|read|get|load|download|visit|look at|show me)\s+(?:the (?:page|site|address)\s+)?"
    r"<?(https?://[^\s<>\"]+?)>?[.?!]?$",
    re.I,
)
_REMEMBER = re.compile(
    r"^(?:please\s+)?(?:(?:remember|note|keep in mind|don't forget|do not forget)\s+that\s+|(?:remember|note):\s*)"
    r"(.{2,1000}?)[.!]?$",
    re.I,
)
_FORGET = re.compile(r"^(?:please\s+)?forget\s+(?:that|about|what i said about)\s+(.{2,500}?)[.!]?$", re.I)
_RECALL = re.compile(
    r"^what (?:do|did) (?:you (?:remember|know)|i (?:tell|ask) you to remember)(?: about me)?\s*\??$|"
    r"^what have you remembered(?: about me)?\s*\??$|^list (?:the facts|what) you remember\.?$",
    re.I,
)
_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}


def exact(message: str) -> Wanted | None:
    """The tool a message's form asks for, with its arguments; None where the form does not say."""
    text = " ".join(message.strip().split())
    fetch = _FETCH.match(text)
    if fetch:
        return "fetch_page", {"url": fetch[1]}
    if kept := _memory(text):
        return kept
    expression = find_arithmetic(message)
    if expression and calculate(expression) is not None:
        return "calculator", {"expression": expression}
    bare = text.rstrip(" ?.!")
    return next((found for read in _READERS if (found := read(bare))), None) if len(bare) < 200 else None


def _memory(text: str) -> Wanted | None:
    """What the user asks to keep or to forget, in the very words that are kept."""
    if match := _REMEMBER.match(text):
        return "remember", {"fact": match[1].strip()}
    if match := _FORGET.match(text):
        return "forget", {"fact": match[1].strip()}
    return ("recall", {}) if _RECALL.match(text) else None


def _units(text: str) -> Wanted | None:
    for form in _CONVERT:
        if match := form.match(text):
            return _conversion(match[1], match[2], match[3])
    if match := _HOW_MANY.match(text):
        return _conversion(match[2], match[3], match[1])
    match = re.match(rf"^how many\s+{_UNIT}\s+(?:are|is)?\s*(?:there\s+)?in\s+(?:a|an|one)\s+{_UNIT}$", text, re.I)
    return _conversion("1", match[2], match[1]) if match else None


def _conversion(amount: str, unit: str, to: str) -> Wanted | None:
    """A conversion, where both are known units of one kind: "in March" is none."""
    import pint

    from graphs.tools.builtin import unit_named

    try:
        if not unit_named(unit).is_compatible_with(unit_named(to)):
            return None
    except (pint.PintError, ValueError, AssertionError, AttributeError):
        return None
    return "convert_units", {"value": float(amount.replace(",", "")), "unit": unit.strip(), "to": to.strip()}


def _added(text: str) -> Wanted | None:
    match = _ADD.match(text)
    if not match or (match[4] is None) != (match[3].lower() == "ago"):
        return None
    amount = _WORDS.get(match[1].lower()) or int(match[1])
    signed = amount if match[3].lower() in ("after", "from") else -amount
    return "add_to_date", {"day": _plain(match[4] or "today"), "amount": signed, "unit": f"{match[2].lower()}s"}


def _between(text: str) -> Wanted | None:
    if match := _BETWEEN.match(text):
        return "days_between", {"first": _plain(match[1]), "second": _plain(match[2])}
    match = _UNTIL.match(text)
    return ("days_between", {"first": "today", "second": _plain(match[1])}) if match else None


def _week(text: str) -> Wanted | None:
    match = _WEEKDAY.match(text)
    return ("weekday", {"day": _plain(match[1])}) if match else None


def _plain(day: str) -> str:
    return re.sub(r"(?<=\d)(?:st|nd|rd|th)|\bof\b", "", day).strip()


_READERS: tuple[Callable[[str], Wanted | None], ...] = (_units, _added, _between, _week)
