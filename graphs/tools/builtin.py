"""Tools that compute: arithmetic, units, dates. They read nothing and change nothing."""

from __future__ import annotations

import math
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from graphs.calculator import calculate
from graphs.tools.box import ACTS

if TYPE_CHECKING:
    import pint

Unit = Literal["days", "weeks", "months", "years"]


def calculator(expression: str) -> str:
    """Work out arithmetic such as 17/100*240 exactly."""
    value = calculate(expression)
    if value is None:
        raise ToolException(f"{expression!r} has no value.")
    shown = expression.replace("**", "^").replace("*", " × ").replace("/", " ÷ ").replace("^", " ^ ")
    return f"{shown} = {value}"


def convert_units(value: float, unit: str, to: str) -> str:
    """Convert an amount from one unit of measurement to another, such as 12 miles to kilometres."""
    import pint

    units = registry()
    try:
        result = units.Quantity(value, unit_named(unit)).to(unit_named(to))
    except pint.DimensionalityError as error:
        raise ToolException(f"{unit} cannot be converted to {to}: {error}.") from None
    except (pint.PintError, ValueError, AssertionError) as error:
        raise ToolException(f"That conversion is not known: {error}.") from None
    return f"{number(value)} {unit} = {number(float(result.magnitude))} {to}"


def add_to_date(day: str, amount: int, unit: Unit) -> str:
    """The date a number of days, weeks, months or years after a date (before it where negative)."""
    from dateutil.relativedelta import relativedelta

    start = day_of(day)
    try:
        end = start + relativedelta(**{unit: amount})
    except (OverflowError, ValueError) as error:
        raise ToolException(f"That date lies outside the calendar: {error}.") from None
    way = "after" if amount >= 0 else "before"
    named = unit if abs(amount) != 1 else unit[:-1]
    return f"{abs(amount)} {named} {way} {spelled(start)} is {spelled(end)}."


def days_between(first: str, second: str) -> str:
    """How many days lie between two dates."""
    start, end = day_of(first), day_of(second)
    days = (end - start).days
    return f"From {spelled(start)} to {spelled(end)} it is {abs(days)} {'day' if abs(days) == 1 else 'days'}."


def weekday(day: str) -> str:
    """Which day of the week a date is, was or will be."""
    found = day_of(day)
    return f"{spelled(found)} is a {found:%A}."


COMPUTING = (calculator, convert_units, add_to_date, days_between, weekday)


def computing_tools() -> list[BaseTool]:
    """The tools of this module."""
    return [_tool(function) for function in COMPUTING]


def _tool(function: Any) -> BaseTool:
    return StructuredTool.from_function(function, metadata={ACTS: False})


@lru_cache(maxsize=1)
def registry() -> pint.UnitRegistry[Any]:
    """Pint's units; temperatures convert with their zero points."""
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


_SPOKEN = {
    "celsius": "degC", "centigrade": "degC", "degrees celsius": "degC", "°c": "degC", "c": "degC",
    "fahrenheit": "degF", "degrees fahrenheit": "degF", "°f": "degF", "f": "degF", "kelvin": "kelvin",
    "mph": "mile/hour", "miles per hour": "mile/hour", "km/h": "kilometer/hour", "kmh": "kilometer/hour",
    "kph": "kilometer/hour", "kilometers per hour": "kilometer/hour", "kilometres per hour": "kilometer/hour",
    "square meters": "meter**2", "square metres": "meter**2", "square feet": "foot**2", "sq ft": "foot**2",
    "cubic meters": "meter**3", "cubic metres": "meter**3", "cubic feet": "foot**3",
    "mb": "megabyte", "gb": "gigabyte", "kb": "kilobyte", "tb": "terabyte", "lbs": "pound", "stone": "stone",
}  # fmt: skip


def unit_named(name: str) -> Any:
    """Pint's unit for a name as people write it. Raises pint's `UndefinedUnitError`."""
    plain = " ".join(name.lower().split()).rstrip(".")
    if plain in _SPOKEN:
        return registry().Unit(_SPOKEN[plain])
    if not plain.replace(" ", "").replace("/", "").replace("_", "").isalpha():
        raise ValueError(f"{name!r} is no unit")  # pint would evaluate an expression
    if name.strip() in registry():
        return registry().Unit(name.strip())
    return registry().Unit(plain.replace(" ", "_").replace("metre", "meter").replace("litre", "liter"))


def number(value: float) -> str:
    """A number as people read it: at most six digits behind the point, none that say nothing."""
    if value and (abs(value) < 1e-4 or abs(value) >= 1e15):
        return f"{value:.6g}"
    rounded = round(value, 6 if abs(value) < 1 else 4)
    return str(int(rounded)) if math.isfinite(rounded) and rounded == int(rounded) else f"{rounded:,.10g}"


def day_of(text: str) -> date:
    """The date a text names: `2026-03-01`, `1 March 2026`, `today`. Raises `ToolException`.

    Of `3/4/2026` the order of day and month cannot be known, so it is refused.
    """
    import re
    from datetime import timedelta

    from dateutil.parser import ParserError, parse

    plain = text.strip().lower()
    relative = {"today": 0, "now": 0, "tomorrow": 1, "yesterday": -1}
    if plain in relative:
        return date.today() + timedelta(days=relative[plain])
    parts = re.fullmatch(r"(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}", plain)
    if parts and max(map(int, parts.groups())) <= 12 and parts[1] != parts[2]:
        raise ToolException(f"{text!r} may mean two dates; write the month as a word or as year-month-day.")
    try:
        found: date = parse(plain).date()
    except (ParserError, OverflowError, ValueError):
        raise ToolException(f"{text!r} is no date I understand; write it as 2026-03-31.") from None
    return found


def spelled(day: date) -> str:
    """`31 March 2026`."""
    return f"{day.day} {day:%B} {day.year}"
