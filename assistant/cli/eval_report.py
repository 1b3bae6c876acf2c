"""`crossroads eval report` and `crossroads eval track`: a run as an HTML page, or in TensorBoard or MLflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json

if TYPE_CHECKING:
    from assistant.config import Settings

JUDGED = "judge.json"
"""Where `eval judge` keeps what it found, in the home."""


def report(
    run: Annotated[Path, typer.Argument(help="The folder of a run.", show_default=False)],
    baseline: Annotated[Path | None, typer.Option(help="Another run to compare with.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="The HTML file; report.html in the run's folder if none.", show_default=False)
    ] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Write a run as one HTML file with plots, slices, worst samples and differences.

    Example: crossroads eval report runs/quality-2 --baseline runs/quality-1
    """
    from eval.record import read_run
    from eval.report.page import write_report

    file = write_report(run, out, baseline, judge_of(settings_for(home, set_), read_run(run).judge))
    if as_json:
        put_json({"report": str(file), "bytes": file.stat().st_size})
    else:
        put(str(file))
    return 0


def judge_of(settings: Settings, judge: str) -> dict[str, Any] | None:
    """What is known about a judge; None where it was never measured, or none judged."""
    try:
        known = json.loads((settings.home / JUDGED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = known.get(judge)
    return found if isinstance(found, dict) else None


def track(
    run: Annotated[Path, typer.Argument(help="The folder of a run.", show_default=False)],
    tensorboard: Annotated[
        Path | None, typer.Option(help="A folder of TensorBoard logs to write to.", show_default=False)
    ] = None,
    mlflow: Annotated[
        str, typer.Option(help="An MLflow tracking address or folder to write to.", show_default=False)
    ] = "",
    as_json: Json = False,
) -> int:
    """Write a run's figures to TensorBoard or MLflow (needs the extra `track`).

    Example: crossroads eval track runs/quality-2 --tensorboard logs
    """
    from eval.tracking import to_mlflow, to_tensorboard
    from graphs.errors import UsageError

    if tensorboard is None and not mlflow:
        raise UsageError("No place to write to is named.", "Give --tensorboard FOLDER or --mlflow ADDRESS.")
    written: dict[str, str] = {}
    if tensorboard is not None:
        written["tensorboard"] = to_tensorboard(run, tensorboard)
    if mlflow:
        written["mlflow"] = to_mlflow(run, mlflow)
    if as_json:
        put_json(written)
    else:
        for name, where in written.items():
            put(f"{name}: {where}")
    return 0
