"""`crossroads eval judge`: how far the judge agrees with people, before its scores are believed."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.eval_report import JUDGED
from assistant.cli.output import put, put_json, say
from graphs.errors import UsageError

if TYPE_CHECKING:
    from assistant.config import Settings
    from eval.judging import Judge


def judge(
    pairs: Annotated[
        Path | None,
        typer.Option(help="Pairs as JSON Lines; preference_judge in CROSSROADS_DATA if none.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many pairs, drawn evenly; 0 is all.", min=0)] = 200,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Measure the judge in the settings (models.judge) on pairs of answers that people have compared.

    Example: crossroads eval judge --set models.judge=openai:gpt-5-mini --limit 300
    """
    settings = settings_for(home, set_)
    name = settings.models.judge
    if not name:
        raise UsageError("No judge is set.", "Set models.judge, as --set models.judge=provider:model.")
    from eval.judging import agreement, read_pairs
    from eval.public_data import data_file

    rows = read_pairs(pairs or data_file("preference_judge"), limit=limit)  # before any model is loaded
    started = time.monotonic()
    found = agreement(open_judge(settings), rows, _progress(started))
    result = {"judge": name, "measured": datetime.now(UTC).isoformat(timespec="seconds"), **found}
    result["seconds"] = round(time.monotonic() - started, 3)
    keep(settings, result)
    if as_json:
        put_json(result)
    else:
        _show(result)
    return 0


def open_judge(settings: Settings) -> Judge:
    """The judge as something that can be asked. Raises what `chat_model` raises."""
    from assistant.providers import chat_model
    from eval.scorers.base import JUDGE_TOKENS

    model = chat_model(settings.models.judge, settings)
    return lambda prompt: str(model.invoke(prompt, max_tokens=JUDGE_TOKENS).text)


def keep(settings: Settings, result: dict[str, Any]) -> None:
    """Remember what was found about this judge, for reports."""
    file = settings.home / JUDGED
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    settings.home.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(file.name + ".new")
    temporary.write_text(json.dumps({**known, result["judge"]: result}, indent=1), encoding="utf-8")
    os.replace(temporary, file)


def _progress(started: float) -> Any:
    def tell(done: int, total: int) -> None:
        if done % 10 == 0 or done == total:
            say(f"{done} of {total} pairs, about {(time.monotonic() - started) / done * (total - done):.0f} s left")

    return tell


def _show(result: dict[str, Any]) -> None:
    put(result["judge"])
    for name, figure in result["metrics"].items():
        between = "" if figure["low"] is None else f"   ({figure['low']:.3f} to {figure['high']:.3f})"
        put(f"{name:<26} {figure['value']:.3f}{between}   n {figure['n']}")
    for source, figure in result["sources"].items():
        put(f"  {source:<30} {figure['value']:.3f}   n {figure['n']}")
