"""`crossroads improve`: from grades to a candidate the gate has judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json, say
from eval.gate import EXIT
from graphs.errors import ModelError, UsageError

if TYPE_CHECKING:
    from assistant.improving.cycle import Cycle


def improve(
    stage: Annotated[str, typer.Option(help="auto, dpo, kto or sft; auto goes by what the grades hold.")] = "auto",
    train: Annotated[
        list[str] | None,
        typer.Option("--train", help="Replace a key of the recipe.", metavar="KEY=VALUE", show_default=False),
    ] = None,
    without: Annotated[
        list[Path] | None, typer.Option(help="Evaluation sets whose questions are left out.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the cycle that was interrupted.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Leave an unfinished cycle and start another.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the cycles of this home.")] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Train a candidate on the grades, hold it against the live model, and let the gate judge it. It goes live only by
    `crossroads models promote`, or is tried first with `crossroads models canary`.

    Example: crossroads improve --train epochs=2
    """
    from assistant.improving import cycle as work
    from assistant.improving.choosing import STAGES
    from assistant.improving.steps import steps_of

    settings = settings_for(home, set_)
    if list_:
        return _list(work.cycles(settings.home), as_json)
    if stage not in ("auto", *STAGES):
        raise UsageError(f"There is no way of training {stage!r} here.", f"Choose auto or {', '.join(STAGES)}.")
    files = [str(path.expanduser().absolute()) for path in without or []]
    options = {"stage": stage, "train": train or [], "without": files}
    if resume:
        cycle = work.resume(settings.home, say)
    else:
        cycle = (work.begin_anew if new else work.begin)(settings.home, options, say)
    try:
        record = cycle.run(steps_of(settings))
    except ImportError as error:
        cure = "Install it with: pip install 'crossroads-assistant[train]'."
        raise ModelError(f"Training needs a package that is not installed: {error.name}.", cure) from error
    return _tell(record, as_json)


def _list(cycles: list[Cycle], as_json: bool) -> int:
    records = [cycle.record() for cycle in cycles]
    if as_json:
        put_json({"cycles": records})
        return 0
    for record in records:
        steps = record["steps"]
        verdict = steps["gate"]["verdict"] if "gate" in steps else f"not finished, {len(steps)} steps done"
        made = f"{steps['register']['model']} {steps['register']['version']}" if "register" in steps else ""
        put(f"{record['id']}  {verdict}  {made}".rstrip())
    return 0


def _tell(record: dict[str, Any], as_json: bool) -> int:
    gate, made = record["steps"]["gate"], record["steps"]["register"]
    if as_json:
        put_json(record)
    else:
        put(f"{made['model']} {made['version']}: {gate['verdict']}")
        for reason in gate["reasons"]:
            put(f"  {reason}")
        if gate["verdict"] == "pass":
            name = f"{made['model']} {made['version']}"
            say(f"Try it: crossroads models canary {name}. Make it live: crossroads models promote {name}")
    return EXIT[gate["verdict"]]
