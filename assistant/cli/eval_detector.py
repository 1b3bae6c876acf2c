"""`crossroads eval detector`: how good the grounding checker is at finding unsupported text."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json, say


def detector(
    sets: Annotated[
        list[str] | None, typer.Argument(help="detect_train, summedits, halueval_general.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(help="Only the first so many rows of each set; 0 is all.", min=0)] = 0,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Measure the grounding checker on texts that people have labelled, from CROSSROADS_DATA.

    Example: crossroads eval detector summedits
    """
    from assistant.resources import Resources
    from eval.detector import SETS, detect, labelled_rows, quality

    settings = settings_for(home, set_)
    rows = {name: labelled_rows(name, limit) for name in sets or SETS}  # before any model is loaded
    started = time.monotonic()
    resources = Resources(settings, say)
    try:
        checker = resources.checker.get()
        found = {
            name: quality(each, detect(checker, each, lambda done, total, name=name: say(f"{name}: {done} of {total}")))  # type: ignore[misc]
            for name, each in rows.items()
        }
    finally:
        resources.close()
    result = {"sets": found, "seconds": round(time.monotonic() - started, 3)}
    if as_json:
        put_json(result)
    else:
        _show(found)
    return 0


def _show(found: dict[str, Any]) -> None:
    for name, each in found.items():
        put(f"{name}")
        for metric, figure in each["metrics"].items():
            put(f"  {metric:<20} {_figure(figure)}   n {figure['n']}")
        for part, metrics in each["parts"].items():
            balanced = metrics.get("balanced_accuracy")
            if balanced:
                put(f"    {part:<24} {_figure(balanced)}   n {balanced['n']}")


def _figure(figure: dict[str, Any]) -> str:
    between = "" if figure["low"] is None else f"   ({figure['low']:.3f} to {figure['high']:.3f})"
    return f"{figure['value']:.3f}{between}"
