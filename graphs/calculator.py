"""Arithmetic in a message, worked out exactly instead of being left to a model."""

from __future__ import annotations

import math
import re

from simpleeval import InvalidExpression, SimpleEval

_LEAD = re.compile(
    r"^(?:please\s+)?(?:(?:can|could) you\s+)?(?:what(?:'s| is| are| does)|how much (?:is|are)|"
    r"how many (?:is|are)|calculate|"
    r"compute|work out|evaluate|solve|tell me|give me|find)?\s*(?:the (?:result|value|sum|product) of\s+)?",
    re.IGNORECASE,
)
_PHRASES = [
    (r"square root of\s*\(?([\d.]+)\)?", r"sqrt(\1)"),
    (r"√\s*\(?([\d.]+)\)?", r"sqrt(\1)"),
    (r"([\d.]+)\s*(?:%|percent|per cent)\s+of\s+", r"(\1/100)*"),
    (r"([\d.]+)\s*(?:%|percent|per cent)(?![\w(])", r"(\1/100)"),
    (r"\b(?:to the power of|raised to)\b", "**"),
    (r"\bsquared\b", "**2"),
    (r"\bcubed\b", "**3"),
    (r"\b(?:multiplied by|times)\b|[×·]", "*"),
    (r"(?<=[\d)])\s*x\s*(?=[\d(])", "*"),
    (r"\bdivided by\b|[÷]|\bover\b", "/"),
    (r"\bplus\b|\badded to\b", "+"),
    (r"\bminus\b|[−–]", "-"),
    (r"\bmod(?:ulo)?\b", "%"),
    (r"\^", "**"),
    (r"(?<=\d),(?=\d{3}\b)", ""),
]
_EXPRESSION = re.compile(r"^(?:sqrt|[\d\s.()+\-*/%])+$")
_OPERATION = re.compile(r"[\d)]\s*[-+*/%]|sqrt")
_NOT_ARITHMETIC = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d+/\d+/\d+|\d+(?:-\d+){2,}|\d+\.\d+\.\d+")


def find_arithmetic(message: str) -> str | None:
    """The expression a message asks to work out, or None: `what is 17 % of 240?` gives `(17/100)*240`."""
    text = _LEAD.sub("", message.strip(), count=1).rstrip(" ?=.!").lower()
    if len(text) > 200 or _NOT_ARITHMETIC.search(text):
        return None
    for pattern, replacement in _PHRASES:
        text = re.sub(pattern, replacement, text)
    text = re.sub(r"\s+", " ", text).strip()
    return text if _EXPRESSION.match(text) and _OPERATION.search(text) and any(map(str.isdigit, text)) else None


def calculate(expression: str) -> str | None:
    """The value as text, exact for whole numbers and to 12 digits else; None where it has no value."""
    try:
        value = SimpleEval(functions={"sqrt": math.sqrt}).eval(expression)
    except (InvalidExpression, ArithmeticError, SyntaxError, ValueError, TypeError, MemoryError):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return str(int(value))
    return f"{value:.12g}"
