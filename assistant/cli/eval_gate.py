"""`crossroads eval gate`: the verdict on a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import Home, Json, Set
from assistant.cli.output import put, put_json, say
from graphs.errors import StorageError, UsageError


def gate(
    run: Annotated[Path, typer.Argument(help="The folder of a run.", show_default=False)],
    baseline: Annotated[Path | None, typer.Option(help="The folder of an earlier run.", show_default=False)] = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, junit or json.")] = "text",
    out: Annotated[Path | None, typer.Option(help="Write it to this file too.", show_default=False)] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Judge a run by its suite's bars and, with a baseline, by whether it got worse.

    Exit code 0: passed, 1: failed, 2: no verdict can be given.

    Example: crossroads eval gate runs/smoke --baseline eval/baselines/smoke --format markdown
    """
    del home, set_
    from eval.gate import judge_folders
    from eval.verdicts import FORMATS

    if form not in FORMATS:
        raise UsageError(f"There is no format {form!r}.", f"Choose one of: {', '.join(FORMATS)}.")
    verdict = judge_folders(run, baseline)
    if out is not None:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(FORMATS[form](verdict) + "\n", encoding="utf-8")
        except OSError as error:
            raise StorageError(f"{str(out)!r} cannot be written: {error}.", "Name another with --out.") from None
    if as_json:
        put_json(verdict.model_dump(mode="json"))
    else:
        put(FORMATS[form](verdict))
        say(f"verdict: {verdict.verdict}")
    return verdict.exit_code
